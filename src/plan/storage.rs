//! Which tensors are buffers and which are textures.

use std::collections::HashMap;

use super::slots::Slot;
use super::texels::Texels;
use crate::graph::{Graph, TensorId};
use crate::kernel::{Access, Binding, Offer, Storage};
use crate::tensor::Sizes;

/// Where each activation and input is kept, as the chosen kernels bind them; `None` if two of them do not agree.
///
/// A result is what its kernel writes; an input is what its readers want.
pub(super) fn of_tensors(graph: &Graph, offers: &[Offer]) -> Option<HashMap<TensorId, Storage>> {
    let outputs = graph
        .nodes()
        .iter()
        .zip(offers)
        .map(|(node, offer)| (node.output, offer.largest().kernel.output()));
    let mut storage: HashMap<TensorId, Storage> = outputs.collect();
    for (node, offer) in graph.nodes().iter().zip(offers) {
        let variant = offer.largest();
        for (binding, access) in variant.bindings.iter().zip(variant.kernel.bindings) {
            let Binding::Operand(operand) = binding else {
                continue;
            };
            let wanted = if *access == Access::Load {
                Storage::Textures
            } else {
                Storage::Buffers
            };
            if *storage.entry(node.inputs[*operand]).or_insert(wanted) != wanted {
                return None;
            }
        }
    }
    Some(storage)
}

/// Those of the graph's inputs that kernels bind as they are, and then the rows that runs bring; other inputs are read by
/// nobody, or among what else a run brings.
pub(super) fn bound_inputs<'a>(
    graph: &'a Graph,
    of_tensors: &'a HashMap<TensorId, Storage>,
) -> impl Iterator<Item = (TensorId, Storage)> + 'a {
    let inputs = graph.inputs().iter().copied().chain(graph.brought_rows());
    inputs.filter_map(|input| Some((input, *of_tensors.get(&input)?)))
}

/// The memory that a tensor needs at most.
pub(super) fn need(graph: &Graph, tensor: TensorId, storage: Storage, capacity: &Sizes) -> Slot {
    let shape = &graph.tensor(tensor).shape;
    let extent = match storage {
        Storage::Buffers => [shape.elements(capacity), 1],
        Storage::Textures => {
            let texels = Texels::of(shape, capacity);
            [texels.width(), texels.rows]
        }
    };
    Slot { storage, extent }
}
