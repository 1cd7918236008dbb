//! From a [`Graph`] to something that runs: fusion, slots, variants, weights, then record, submit and read back.

mod activations;
mod choose;
mod forward;
mod fusion;
mod inputs;
mod interpret;
mod pipelines;
mod readback;
mod recording;
mod run;
mod self_test;
mod slots;
mod speed;
mod storage;
mod texels;
#[cfg(not(target_arch = "wasm32"))] // a browser must not be waited for
mod time;
mod trace;
mod uploads;
mod weights;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use forward::Forward;
pub use fusion::fuse;
pub use inputs::Value;
pub use interpret::interpret;
pub(crate) use self_test::tested;
pub use slots::{Slot, Slots};
pub(crate) use trace::{Trace, UNTOUCHED};
pub use weights::Weights;

use activations::Pool;
use choose::{Choice, choose};
use speed::Speed;
use weights::{Uploaded, Uploader};

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline, Resource};
use crate::graph::{Graph, Source, TensorId, TensorInfo};
use crate::kernel::{Offer, Storage, Variant};
use crate::tensor::{Sizes, WeightType};
use crate::tuning::Selection;

/// How a graph is compiled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanOptions {
    /// The most that one run may hold.
    pub capacity: Sizes,
    /// How weight matrices are stored: [`WeightType::I8`] for linear layers only. Everything else is f32.
    pub weight_type: WeightType,
    /// How variants are chosen.
    pub selection: Selection,
    /// What activations are kept in; `None` chooses by the adapter.
    pub storage: Option<Storage>,
    /// The longest that one submit is meant to take; one dispatch is never split.
    pub submit_time: Duration,
}

/// Far below what any operating system lets a GPU be busy without an answer.
pub const SUBMIT_TIME: Duration = Duration::from_millis(100);

impl PlanOptions {
    /// f32 weights and the built-in choice of kernels, for runs of at most `capacity`.
    #[must_use]
    pub fn new(capacity: Sizes) -> Self {
        Self {
            capacity,
            weight_type: WeightType::F32,
            selection: Selection::BuiltIn,
            storage: None,
            submit_time: SUBMIT_TIME,
        }
    }
}

/// A compiled graph with its weights on the device; any number of threads may run it.
pub struct Plan {
    gpu: Gpu,
    graph: Graph,
    capacity: Sizes,
    storage: HashMap<TensorId, Storage>,
    slots: Slots,
    steps: Vec<Step>,
    weight_type: WeightType,
    uploaded: Uploaded,
    submit_time: Duration,
    speed: Speed,
    pool: Mutex<Pool>,
}

/// One dispatch: what runs a node, and the weights it reads.
struct Step {
    offer: Offer,
    /// One per variant of the offer.
    pipelines: Vec<Arc<Pipeline>>,
    /// One per binding of the variants; `None` where an activation fills it.
    weights: Vec<Option<Resource>>,
}

impl Plan {
    /// Fuses `graph`, chooses and compiles its kernels (all at once), and uploads its weights.
    ///
    /// # Errors
    /// [`Error::Limit`] if a tensor is too large for the device; [`Error::Kernel`] if a shader does not compile;
    /// what `weights` says of a missing or misshapen tensor; [`Error::NotFinite`] if one holds a NaN.
    pub fn compile(
        gpu: &Gpu,
        graph: &Graph,
        weights: &dyn Weights,
        options: &PlanOptions,
    ) -> Result<Self> {
        Self::compile_beside([], gpu, graph, weights, options)
    }

    /// As [`Plan::compile`]: what other plans on the device have there of parameters of the same names and shapes, which
    /// must be the same parameters, is not uploaded again.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub(crate) fn compile_beside<'a>(
        others: impl IntoIterator<Item = &'a Self>,
        gpu: &Gpu,
        graph: &Graph,
        weights: &dyn Weights,
        options: &PlanOptions,
    ) -> Result<Self> {
        let graph = fuse(graph);
        check_sizes(&graph, &options.capacity)?;
        let choice = choose(gpu, &graph, options)?;
        let others = others.into_iter();
        let there = others.flat_map(|plan| plan.uploaded.clone()).collect();
        Self::assemble(gpu, graph, weights, options, choice, &there)
    }

    /// As [`Plan::compile`], of a fused graph on what somebody else chose, one offer per node.
    pub(crate) fn with_offers(
        gpu: &Gpu,
        graph: Graph,
        weights: &dyn Weights,
        options: &PlanOptions,
        offers: Vec<Offer>,
    ) -> Result<Self> {
        check_sizes(&graph, &options.capacity)?;
        let choice = choose::with_storage(gpu, &graph, options, offers)?;
        Self::assemble(gpu, graph, weights, options, choice, &Uploaded::new())
    }

    fn assemble(
        gpu: &Gpu,
        graph: Graph,
        weights: &dyn Weights,
        options: &PlanOptions,
        (offers, storage): Choice,
        there: &Uploaded,
    ) -> Result<Self> {
        let slots = Slots::assign(&graph, |tensor| {
            storage::need(&graph, tensor, storage[&tensor], &options.capacity)
        });
        let pipelines = pipelines::compile(gpu, &offers)?;
        let compiled: Vec<_> = pipelines.iter().flatten().cloned().collect();
        let mut uploader = Uploader {
            gpu,
            graph: &graph,
            weights,
            there,
            bound: Uploaded::new(),
            submitted: None,
        };
        let steps = steps(&mut uploader, offers, pipelines);
        pipelines::finish(gpu, &compiled, uploader.submitted)?;
        let (steps, uploaded) = (steps?, uploader.bound);
        Ok(Self {
            gpu: gpu.clone(),
            capacity: options.capacity,
            weight_type: options.weight_type,
            submit_time: options.submit_time,
            speed: Speed::guessed(gpu.capabilities()),
            pool: Mutex::default(),
            graph,
            storage,
            slots,
            steps,
            uploaded,
        })
    }

    /// The fused graph that runs.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The most that one run may hold.
    #[must_use]
    pub fn capacity(&self) -> &Sizes {
        &self.capacity
    }

    /// The device it runs on.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The bytes that its weights take on the device.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        Self::weight_bytes_of([self])
    }

    /// The bytes that the weights of plans take on the device together, where what they share counts once.
    pub(crate) fn weight_bytes_of<'a>(plans: impl IntoIterator<Item = &'a Self>) -> u64 {
        let forms: HashMap<_, _> = plans.into_iter().flat_map(|plan| &plan.uploaded).collect();
        forms.into_values().map(|upload| upload.bytes).sum()
    }

    /// The bytes that the slots of one run take on the device.
    #[must_use]
    pub fn activation_bytes(&self) -> u64 {
        4 * self.slots.slots.iter().map(Slot::elements).sum::<usize>() as u64
    }

    /// How its weight matrices are stored.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// What runs each node, one dispatch each, in a run of `sizes`.
    pub fn variants(&self, sizes: &Sizes) -> impl ExactSizeIterator<Item = &Variant> {
        self.steps.iter().map(|step| step.at(sizes))
    }
}

impl Step {
    /// What runs it in a run of `sizes`.
    fn at(&self, sizes: &Sizes) -> &Variant {
        let mut variants = self.offer.variants();
        let place = self.offer.place(sizes);
        variants.nth(place).expect("a place of this offer")
    }
}

/// Every step with its weights on the device.
fn steps(
    uploader: &mut Uploader<'_>,
    offers: Vec<Offer>,
    pipelines: Vec<Vec<Arc<Pipeline>>>,
) -> Result<Vec<Step>> {
    let nodes = uploader.graph.nodes().iter();
    let steps = nodes.zip(offers).zip(pipelines);
    steps
        .map(|((node, offer), pipelines)| {
            let Variant {
                kernel, bindings, ..
            } = offer.largest();
            let weights = bindings.iter().zip(kernel.bindings);
            let weights = weights
                .map(|(binding, access)| uploader.resource(node, kernel.name, binding, *access));
            let weights = weights.collect::<Result<_>>()?;
            Ok(Step {
                offer,
                pipelines,
                weights,
            })
        })
        .collect()
}

/// Every index of a kernel is a `u32`.
fn check_sizes(graph: &Graph, capacity: &Sizes) -> Result<()> {
    let too_large = |tensor: &&TensorInfo| tensor.shape.checked_elements(capacity).is_none();
    match graph.tensors().iter().find(too_large) {
        None => Ok(()),
        Some(tensor) => Err(Error::Limit {
            thing: format!("{} {} at {capacity:?}", tensor.name, tensor.shape),
            needed: tensor.shape.elements_or_max(capacity),
            allowed: u32::MAX.into(),
            unit: "elements",
            advice: "use a smaller token budget",
        }),
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("steps", &self.steps.len())
            .field("capacity", &self.capacity)
            .finish()
    }
}

impl fmt::Display for Plan {
    /// One line per dispatch at full capacity: what is read and written, where, by which kernel and how many workgroups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_reuse: usize = self
            .slots
            .of_tensor
            .keys()
            .map(|tensor| self.graph.tensor(*tensor).shape.elements(&self.capacity))
            .sum();
        writeln!(
            f,
            "plan: {} steps, {} weights, {} slots, {:.1} MiB activations ({:.1} MiB without reuse), at most {} tokens",
            self.steps.len(),
            self.weight_type,
            self.slots.slots.len(),
            mebibytes(self.activation_bytes()),
            mebibytes(4 * without_reuse as u64),
            self.capacity.tokens,
        )?;
        for (index, (node, step)) in self.graph.nodes().iter().zip(&self.steps).enumerate() {
            let location = |tensor| match self.slots.of_tensor.get(tensor) {
                Some(slot) => format!("slot {slot}"),
                None => self.graph.tensor(*tensor).name.clone(),
            };
            let reads: Vec<String> = node
                .inputs
                .iter()
                .filter(|input| self.graph.tensor(**input).source != Source::Parameter)
                .map(location)
                .collect();
            write!(
                f,
                "{index:4} {} -> {} {} ",
                reads.join(", "),
                location(&node.output),
                self.graph.tensor(node.output).shape,
            )?;
            for (variant, most) in step.offer.variants().zip(step.offer.bounds()) {
                write!(f, " {variant}")?;
                if most < usize::MAX {
                    write!(f, " up to {most} rows,")?;
                }
            }
            let workgroups = (step.at(&self.capacity).dispatch)(&self.capacity).workgroups;
            writeln!(f, "  {workgroups} workgroups")?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Dim, Tensor};

    #[test]
    fn what_another_plan_has_on_the_device_is_not_brought_again() {
        let gpu = Gpu::new().unwrap();
        let mut graph = Graph::new();
        let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
        let weight = graph.parameter("weight", [4, 8]);
        graph.linear(x, weight, None).unwrap();
        let weights = HashMap::from([("weight".to_owned(), Tensor::new([4, 8], vec![0.5; 32]))]);
        let nowhere: HashMap<String, Tensor> = HashMap::new();
        let sizes = Sizes {
            tokens: 1,
            sequences: 1,
            longest: 1,
        };
        let options = PlanOptions::new(sizes);
        let first = Plan::compile(&gpu, &graph, &weights, &options).unwrap();
        let second = Plan::compile_beside([&first], &gpu, &graph, &nowhere, &options).unwrap();
        assert_eq!(
            Plan::weight_bytes_of([&first, &second]),
            first.weight_bytes()
        );
        drop(first);
        let y = second.run(&sizes, &[Value::F32(&[1.0; 8])]).unwrap();
        assert_eq!(y, [4.0; 4]);
        let alone = Plan::compile(&gpu, &graph, &nowhere, &options);
        assert!(matches!(alone, Err(Error::TensorMissing { .. })));
    }
}
