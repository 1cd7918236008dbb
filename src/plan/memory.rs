//! How much memory a plan takes, known before any of it is allocated.

use std::collections::HashSet;

use super::activations::params_stride;
use super::brought::Brought;
use super::choose::Choice;
use super::parameters::Parameters;
use super::readback::Readback;
use super::slots::Slots;
use super::storage::{bound_inputs, need};
use super::texels::Texels;
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, buffer_bytes};
use crate::graph::Graph;
use crate::kernel::{Offer, Storage};
use crate::tensor::Sizes;

/// The bytes that a plan takes on its device, without what the driver and pipelines take.
///
/// ```
/// use wgformer::models::{Head, Model, ModelOptions};
///
/// # let folder = "tests/data/tiny/plain";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// let needed = Model::memory_needed(&gpu, folder.as_ref(), Head::HiddenStates, 512, &options)?;
/// println!("{} bytes of weights, and {} for each run", needed.weights, needed.per_run());
/// let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &options)?;
/// assert_eq!(model.memory().total(), needed.weights); // nothing ran yet
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Of the weights, in bytes.
    pub weights: u64,
    /// Of what the steps of one run read and write, its inputs included, in bytes.
    pub activations: u64,
    /// Of what brings the inputs of one run to the device, and its result back, in bytes.
    pub staging: u64,
    /// How many runs have memory of their own; what one has is used again by the next.
    pub runs: usize,
}

impl Memory {
    /// What one run takes, in bytes.
    #[must_use]
    pub fn per_run(&self) -> u64 {
        self.activations + self.staging
    }

    /// This and that of another plan together, as if all runs were one.
    ///
    /// ```
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let of_one = embedder.model().memory();
    /// assert_eq!(of_one.with(&of_one).total(), 2 * of_one.total());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let (own, others) = (self.runs as u64, other.runs as u64);
        Self {
            weights: self.weights + other.weights,
            activations: own * self.activations + others * other.activations,
            staging: own * self.staging + others * other.staging,
            runs: 1,
        }
    }

    /// All of it, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights + self.runs as u64 * self.per_run()
    }
}

/// The bytes that a budget leaves to runs, beside the weights and `others` on the device.
///
/// # Errors
/// [`Error::Limit`] if that is not enough for a single one.
pub(super) fn room(
    budget: Option<u64>,
    others: u64,
    needed: &Memory,
    capacity: &Sizes,
) -> Result<u64> {
    let Some(budget) = budget else {
        return Ok(u64::MAX);
    };
    if others + needed.total() > budget {
        return Err(Error::Limit {
            thing: format!("a plan for {} tokens", capacity.tokens),
            needed: others + needed.total(),
            allowed: budget,
            unit: "bytes of memory",
            advice: "raise the memory budget, store weights as f16, or make the plan for fewer tokens",
        });
    }
    Ok(budget - others - needed.weights)
}

/// What a plan has on its device.
pub(super) fn parameters(
    capabilities: &Capabilities,
    graph: &Graph,
    offers: &[Offer],
) -> HashSet<Parameters> {
    let nodes = graph.nodes().iter().zip(offers);
    nodes
        .flat_map(|(node, offer)| Parameters::of_node(graph, node, offer, capabilities))
        .flatten()
        .collect()
}

/// Of the weights, these `parameters`, and one run of `capacity`.
pub(super) fn needed(
    capabilities: &Capabilities,
    graph: &Graph,
    choice: &Choice,
    parameters: &HashSet<Parameters>,
    slots: &Slots,
    capacity: &Sizes,
) -> Memory {
    let limits = &capabilities.limits;
    let Choice {
        offers, storage, ..
    } = choice;
    let nodes = || graph.nodes().iter().zip(offers);
    let slots = slots.slots.iter().map(|slot| slot.bytes(limits));
    let (mut inputs, mut copied) = (0, 0);
    for (input, kept) in bound_inputs(graph, storage) {
        let bytes = need(graph, input, kept, capacity).bytes(limits);
        inputs += bytes;
        copied += match kept {
            Storage::Buffers => bytes,
            Storage::Textures => {
                let texels = Texels::of(&graph.tensor(input).shape, capacity);
                (texels.rows * texels.copied_row()) as u64
            }
        };
    }
    let others =
        nodes().flat_map(|(node, offer)| Brought::of_node(graph, node, offer, capabilities));
    let others: u64 = others.map(|brought| brought.bytes(capacity.tokens)).sum();
    let others = others + params_stride(offers, capabilities) * offers.len() as u64;
    let result = graph.output().map_or(0, |output| {
        let kept = storage[&output];
        let mapped = Readback::of(graph, output, kept, capacity).bytes();
        match kept {
            Storage::Buffers => mapped,
            // Where an application finds what the texture holds.
            Storage::Textures => {
                mapped + buffer_bytes(graph.tensor(output).shape.elements(capacity))
            }
        }
    });
    Memory {
        weights: parameters
            .iter()
            .map(|parameters| parameters.bytes(limits))
            .sum(),
        activations: slots.sum::<u64>() + inputs + others,
        staging: copied + others + result,
        runs: 1,
    }
}
