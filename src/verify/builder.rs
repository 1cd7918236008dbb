//! How a case is put together.

use std::collections::HashMap;
use std::sync::Arc;

use super::case::Case;
use super::values::Values;
use super::{Random, Tolerance};
use crate::graph::{Graph, TensorId};
use crate::plan::fuse;
use crate::tensor::{Data, Dim, Sizes, Tensor};

/// A case being put together: inputs and parameters are named and filled as they are added.
pub(super) struct Builder {
    pub(super) graph: Graph,
    pub(super) weights: HashMap<String, Tensor>,
    pub(super) inputs: Vec<Data>,
    pub(super) sizes: Sizes,
    pub(super) random: Random,
}

impl Builder {
    pub(super) fn new(sizes: Sizes) -> Self {
        let seed = (sizes.tokens * 1000 + sizes.sequences) as u64;
        Self {
            graph: Graph::new(),
            weights: HashMap::new(),
            inputs: vec![],
            sizes,
            random: Random::new(seed),
        }
    }

    /// One sequence of `tokens` rows.
    pub(super) fn rows(tokens: usize) -> Self {
        Self::new(Sizes {
            tokens,
            sequences: 1,
            longest: tokens,
        })
    }

    /// Sequences of `lengths` tokens, and the graph's first input, which says where they start.
    pub(super) fn segments(lengths: &[usize]) -> (Self, TensorId) {
        let mut offsets = vec![0];
        offsets.extend(lengths.iter().scan(0, |end, length| {
            *end += *length as u32;
            Some(*end)
        }));
        let mut builder = Self::new(Sizes::from_segments(&offsets));
        builder.inputs.push(offsets.into());
        let id = builder.graph.segment_offsets();
        (builder, id)
    }

    /// An input, `[tokens, cols]`.
    pub(super) fn input(&mut self, name: &str, cols: usize, values: Values) -> TensorId {
        let count = self.sizes.tokens * cols;
        self.inputs
            .push(values.fill(&mut self.random, count).into());
        self.graph.input(name, [Dim::Tokens, Dim::Fixed(cols)])
    }

    /// An input of ids below `bound`, `[tokens]`.
    pub(super) fn ids(&mut self, name: &str, bound: usize) -> TensorId {
        let ids: Vec<u32> = (0..self.sizes.tokens)
            .map(|_| self.random.below(bound) as u32)
            .collect();
        self.inputs.push(ids.into());
        self.graph.ids(name, bound)
    }

    /// Weights that every [`WeightType`](crate::tensor::WeightType) holds exactly.
    pub(super) fn parameter<const N: usize>(&mut self, name: &str, shape: [usize; N]) -> TensorId {
        self.weights
            .insert(name.to_owned(), self.random.weights(&shape));
        self.graph.parameter(name, shape)
    }

    /// The case of the graph's one operation, after fusion; `name`: its sizes.
    pub(super) fn finish(self, name: String, tolerance: Tolerance) -> Case {
        let fused = fuse(&self.graph);
        let operation = fused
            .nodes()
            .last()
            .expect("a case has nodes")
            .operation
            .name();
        Case {
            operation,
            name: format!("{operation} {name}"),
            graph: self.graph,
            weights: Arc::new(self.weights),
            sizes: self.sizes,
            inputs: self.inputs,
            tolerance,
            tolerance_in_f16: tolerance,
        }
    }
}

/// Lengths of sequences, for a case's name.
pub(super) fn describe(lengths: &[usize]) -> String {
    match lengths {
        [first, .., _] if lengths.len() > 20 && lengths.iter().all(|length| length == first) => {
            format!("{} sequences of {first}", lengths.len())
        }
        _ => format!("{lengths:?}"),
    }
}
