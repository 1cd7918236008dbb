//! Which buffer or texture holds which result: a few slots, reused as soon as nothing reads what they hold.

use std::collections::HashMap;

use crate::gpu::{TEXEL_BYTES, buffer_bytes, texture_bytes};
use crate::graph::{Graph, Node, TensorId};
use crate::kernel::Storage;

/// The slots of a graph.
///
/// ```
/// use wgformer::kernel::Storage;
/// use wgformer::plan::{Slot, Slots};
/// use wgformer::{Graph, tensor::Dim};
///
/// let mut graph = Graph::new();
/// let mut x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// for _ in 0..5 {
///     x = graph.softmax(x)?;
/// }
/// let slots = Slots::assign(&graph, |_| Slot { storage: Storage::Buffers, extent: [8, 1] });
/// assert_eq!(slots.slots.len(), 2); // one that is read and one that is written
/// assert_eq!(slots.slots[0].elements(), 8);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slots {
    /// The slots themselves.
    pub slots: Vec<Slot>,
    /// The slot of each node's result.
    pub of_tensor: HashMap<TensorId, usize>,
}

/// Memory for one result at a time.
///
/// See [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// A buffer or a texture.
    pub storage: Storage,
    /// Its width and height in elements, at the plan's capacity; a buffer's height is 1.
    pub extent: [usize; 2],
}

impl Slot {
    /// Its elements, of 4 bytes each.
    ///
    /// See [`Slots`] for an example.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.extent.iter().product()
    }

    /// The bytes that it takes on a device of these limits.
    pub(super) fn bytes(&self, limits: &wgpu::Limits) -> u64 {
        match self.storage {
            Storage::Buffers => buffer_bytes(self.elements()),
            Storage::Textures => texture_bytes(self.texels(), limits),
        }
    }

    /// Of a texture: texels in a row, and rows.
    pub(super) fn texels(&self) -> [usize; 2] {
        [4 * self.extent[0] / TEXEL_BYTES as usize, self.extent[1]]
    }

    fn holds(&self, needed: &Self) -> bool {
        self.extent[0] >= needed.extent[0] && self.extent[1] >= needed.extent[1]
    }
}

impl Slots {
    /// Gives every result a slot, in execution order; one node's operands and result are never in the same slot.
    ///
    /// `needs`: what a node's result needs.
    pub fn assign(graph: &Graph, needs: impl Fn(TensorId) -> Slot) -> Self {
        let last_use = last_uses(graph);
        let mut slots = Self::default();
        let mut free: Vec<usize> = Vec::new();
        for (step, node) in graph.nodes().iter().enumerate() {
            let slot = slots.take(&mut free, needs(node.output));
            slots.of_tensor.insert(node.output, slot);
            // What is read here for the last time is free from the next step on, and so is a result nobody reads.
            let mut done: Vec<TensorId> =
                node.inputs.iter().copied().chain([node.output]).collect();
            done.sort_unstable();
            done.dedup();
            done.retain(|tensor| last_use.get(tensor).is_none_or(|last| *last == step));
            free.extend(done.iter().filter_map(|tensor| slots.of_tensor.get(tensor)));
        }
        slots
    }

    /// The smallest free slot of the right kind that is large enough, else the largest one, grown, else a new one.
    fn take(&mut self, free: &mut Vec<usize>, needed: Slot) -> usize {
        let of_kind = || {
            free.iter()
                .copied()
                .filter(|slot| self.slots[*slot].storage == needed.storage)
        };
        let fitting = of_kind().filter(|slot| self.slots[*slot].holds(&needed));
        let best = fitting.min_by_key(|slot| self.slots[*slot].elements());
        let Some(slot) = best.or_else(|| of_kind().max_by_key(|slot| self.slots[*slot].elements()))
        else {
            self.slots.push(needed);
            return self.slots.len() - 1;
        };
        free.retain(|other| *other != slot);
        let extent = &mut self.slots[slot].extent;
        *extent = [
            extent[0].max(needed.extent[0]),
            extent[1].max(needed.extent[1]),
        ];
        slot
    }
}

/// The last step that reads each tensor; the graph's output is read after all of them.
fn last_uses(graph: &Graph) -> HashMap<TensorId, usize> {
    let reads = |(step, node): (usize, &Node)| {
        node.inputs
            .iter()
            .map(|tensor| (*tensor, step))
            .collect::<Vec<_>>()
    };
    let mut last: HashMap<TensorId, usize> =
        graph.nodes().iter().enumerate().flat_map(reads).collect();
    last.extend(graph.output().map(|output| (output, usize::MAX)));
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Dim;

    /// A chain of additions, each reading the two results before it.
    #[test]
    fn slots_are_reused_but_never_read_and_written_by_one_node() {
        let mut graph = Graph::new();
        let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
        let mut results = vec![x, graph.add(x, x).unwrap()];
        for _ in 0..9 {
            let [.., a, b] = results[..] else {
                unreachable!()
            };
            results.push(graph.add(a, b).unwrap());
        }
        let slots = Slots::assign(&graph, |_| Slot {
            storage: Storage::Buffers,
            extent: [4, 1],
        });
        assert_eq!(
            slots.slots.len(),
            3,
            "two that are read and one that is written"
        );
        for node in graph.nodes() {
            let output = slots.of_tensor[&node.output];
            assert!(
                node.inputs
                    .iter()
                    .all(|input| slots.of_tensor.get(input) != Some(&output))
            );
        }
    }
}
