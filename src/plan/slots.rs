//! Which buffer holds which result: a few slots, reused as soon as nothing reads what they hold.

use std::collections::HashMap;

use crate::graph::{Graph, TensorId};
use crate::tensor::Sizes;

/// The slots of a graph and their sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Each slot's size at the plan's capacity, in elements of 4 bytes.
    pub sizes: Vec<usize>,
    /// The slot of each node's result.
    pub of_tensor: HashMap<TensorId, usize>,
}

impl Slots {
    /// Gives every result a slot, in execution order; one node's operands and result are never in the same slot.
    #[must_use]
    pub fn assign(graph: &Graph, capacity: &Sizes) -> Self {
        let last_use = last_uses(graph);
        let mut slots = Self::default();
        let mut free: Vec<usize> = Vec::new();
        for (step, node) in graph.nodes().iter().enumerate() {
            let needed = graph.tensor(node.output).shape.elements(capacity);
            let slot = slots.take(&mut free, needed);
            slots.of_tensor.insert(node.output, slot);
            // What is read here for the last time is free from the next step on, and so is a result nobody reads.
            let mut done: Vec<TensorId> = node.inputs.iter().copied().chain([node.output]).collect();
            done.sort_unstable();
            done.dedup();
            done.retain(|tensor| last_use.get(tensor).is_none_or(|last| *last == step));
            free.extend(done.iter().filter_map(|tensor| slots.of_tensor.get(tensor)));
        }
        slots
    }

    /// The smallest free slot that is large enough, else the largest one, grown, else a new one.
    fn take(&mut self, free: &mut Vec<usize>, needed: usize) -> usize {
        let fitting = free.iter().copied().filter(|slot| self.sizes[*slot] >= needed);
        let best = fitting.min_by_key(|slot| self.sizes[*slot]);
        let Some(slot) = best.or_else(|| free.iter().copied().max_by_key(|slot| self.sizes[*slot])) else {
            self.sizes.push(needed);
            return self.sizes.len() - 1;
        };
        free.retain(|other| *other != slot);
        self.sizes[slot] = self.sizes[slot].max(needed);
        slot
    }
}

/// The last step that reads each tensor; the graph's output is read after all of them.
fn last_uses(graph: &Graph) -> HashMap<TensorId, usize> {
    let reads = |(step, node): (usize, &crate::graph::Node)| {
        node.inputs.iter().map(move |tensor| (*tensor, step)).collect::<Vec<_>>()
    };
    let mut last: HashMap<TensorId, usize> = graph.nodes().iter().enumerate().flat_map(reads).collect();
    last.extend(graph.output().map(|output| (output, usize::MAX)));
    last
}
