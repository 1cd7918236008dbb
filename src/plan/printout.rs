//! A plan in words, for people.

use std::fmt;

use super::{Plan, Step};
use crate::graph::{Node, Source, TensorId};

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
        self.head(f)?;
        let steps = self.graph.nodes().iter().zip(&self.steps);
        steps
            .enumerate()
            .try_for_each(|(index, (node, step))| self.line(f, index, node, step))
    }
}

impl Plan {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = &self.gpu.capabilities().limits;
        let slots = self.slots.slots.iter().map(|slot| slot.bytes(limits));
        let elements = |tensor| self.graph.tensor(tensor).shape.elements(&self.capacity);
        let without_reuse: usize = self.slots.of_tensor.keys().copied().map(elements).sum();
        writeln!(
            f,
            "plan: {} steps, {} weights, {} slots, {:.1} MiB activations ({:.1} MiB without reuse), at most {} tokens",
            self.steps.len(),
            self.weight_type,
            self.slots.slots.len(),
            mebibytes(slots.sum()),
            mebibytes(4 * without_reuse as u64),
            self.capacity.tokens,
        )
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        index: usize,
        node: &Node,
        step: &Step,
    ) -> fmt::Result {
        let is_weight = |tensor| self.graph.tensor(tensor).source == Source::Parameter;
        let inputs = node.inputs.iter().copied().filter(|it| !is_weight(*it));
        let reads: Vec<String> = inputs.map(|input| self.location(input)).collect();
        let (reads, writes) = (reads.join(", "), self.location(node.output));
        let shape = &self.graph.tensor(node.output).shape;
        write!(f, "{index:4} {reads} -> {writes} {shape} ")?;
        for (variant, most) in step.offer.variants().zip(step.offer.bounds()) {
            write!(f, " {variant}")?;
            if most < usize::MAX {
                write!(f, " up to {most} rows,")?;
            }
        }
        let workgroups = (step.at(&self.capacity).dispatch)(&self.capacity).workgroups;
        writeln!(f, "  {workgroups} workgroups")
    }

    /// A slot, or the name of what the caller gives.
    fn location(&self, tensor: TensorId) -> String {
        match self.slots.of_tensor.get(&tensor) {
            Some(slot) => format!("slot {slot}"),
            None => self.graph.tensor(tensor).name.clone(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
