//! Which kernel runs each node.

use std::collections::HashMap;

use super::self_test::{is_doubtful, tested};
use super::{PlanOptions, storage};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::{Graph, Node, Request, TensorId};
use crate::kernel::{Offer, Storage, Variant};
use crate::tuning::{self, ChosenBy, Reason};

/// What runs each node, and what each tensor is kept in.
pub(super) struct Choice {
    pub(super) offers: Vec<Offer>,
    /// One for each offer, unless somebody else chose.
    pub(super) reasons: Vec<Reason>,
    pub(super) storage: HashMap<TensorId, Storage>,
}

/// A kernel for every node: a graph is on textures as a whole or not at all. It is on what the adapter prefers, or on
/// what has the kernels that the options name.
///
/// # Errors
/// [`Error::Limit`] if the device allows less than every kernel may count on; [`Error::NoVariant`] if a node has none,
/// or not on the storage that the options ask for.
pub(super) fn choose(gpu: &Gpu, graph: &Graph, options: &PlanOptions) -> Result<Choice> {
    gpu.capabilities().check_limits()?;
    let choice = choose_storage(gpu, graph, options)?;
    if choice.is_by(ChosenBy::OutdatedMeasurements) {
        log::warn!(
            "what was measured was chosen from other kernels or tiles than there are, and is ignored: measure again"
        );
    }
    Ok(choice)
}

fn choose_storage(gpu: &Gpu, graph: &Graph, options: &PlanOptions) -> Result<Choice> {
    match options.storage {
        Some(storage) => choose_on(storage, gpu, graph, options),
        None if tuning::preferred_storage(gpu.capabilities()) == Storage::Buffers => {
            choose_on(Storage::Buffers, gpu, graph, options)
        }
        None => match choose_on(Storage::Textures, gpu, graph, options) {
            Ok(choice) if !options.selection.names_variants() || choice.has_named() => Ok(choice),
            Ok(choice) => {
                let on_buffers = choose_on(Storage::Buffers, gpu, graph, options);
                Ok(on_buffers.ok().filter(Choice::has_named).unwrap_or(choice))
            }
            Err(error) => {
                log::info!("{error}: this graph runs on buffers");
                choose_on(Storage::Buffers, gpu, graph, options)
            }
        },
    }
}

impl Choice {
    /// Whether some node runs on what the options name.
    fn has_named(&self) -> bool {
        self.is_by(ChosenBy::Name)
    }

    /// Whether they chose for some node.
    fn is_by(&self, chosen_by: ChosenBy) -> bool {
        self.reasons.iter().any(|it| it.chosen_by == chosen_by)
    }
}

fn choose_on(storage: Storage, gpu: &Gpu, graph: &Graph, options: &PlanOptions) -> Result<Choice> {
    let offer = |node| offer_for(node, storage, gpu, graph, options);
    let chosen = graph.nodes().iter().map(offer);
    let (offers, reasons) = chosen.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    with_storage(gpu, graph, options, offers, reasons)
}

/// These offers, one per node, and what each tensor is kept in for them.
///
/// # Errors
/// [`Error::NoVariant`] if they do not agree, or a tensor is too large for a texture.
pub(super) fn with_storage(
    gpu: &Gpu,
    graph: &Graph,
    options: &PlanOptions,
    offers: Vec<Offer>,
    reasons: Vec<Reason>,
) -> Result<Choice> {
    let of_tensors = storage::of_tensors(graph, &offers)
        .filter(|of_tensors| fit_into_textures(gpu, graph, of_tensors, options));
    match of_tensors {
        Some(storage) => Ok(Choice {
            offers,
            reasons,
            storage,
        }),
        None => Err(Error::NoVariant {
            operation: "the graph".to_owned(),
            shape: format!("{offers:?} at {:?}", options.capacity),
            adapter: gpu.capabilities().info.name.clone(),
        }),
    }
}

fn fit_into_textures(
    gpu: &Gpu,
    graph: &Graph,
    of_tensors: &HashMap<TensorId, Storage>,
    options: &PlanOptions,
) -> bool {
    let largest = gpu.capabilities().limits.max_texture_dimension_2d as usize;
    let textures = of_tensors
        .iter()
        .filter(|(_, storage)| **storage == Storage::Textures);
    textures.into_iter().all(|(tensor, storage)| {
        let [width, height] = storage::need(graph, *tensor, *storage, &options.capacity).extent;
        width.is_multiple_of(4) && width / 4 <= largest && height <= largest
    })
}

fn offer_for(
    node: &Node,
    storage: Storage,
    gpu: &Gpu,
    graph: &Graph,
    options: &PlanOptions,
) -> Result<(Offer, Reason)> {
    let capabilities = gpu.capabilities();
    let request = Request::of(graph, node, capabilities, options.weight_type);
    let offers = node.operation.offers(&request);
    let is_doubtful = |variant: &Variant| is_doubtful(variant.kernel);
    let capabilities = if offers.iter().flat_map(Offer::variants).any(is_doubtful) {
        tested(gpu)
    } else {
        capabilities
    };
    options
        .selection
        .choose(
            &tuning::class(node, &request),
            &offers,
            storage,
            capabilities,
        )
        .ok_or_else(|| {
            let shapes = request
                .operands
                .iter()
                .map(|operand| operand.shape.to_string());
            Error::NoVariant {
                operation: format!("{:?}", node.operation),
                shape: format!("{} on {storage:?}", shapes.collect::<Vec<_>>().join(", ")),
                adapter: capabilities.info.name.clone(),
            }
        })
}
