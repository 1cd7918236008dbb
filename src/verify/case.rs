//! One case of the table: what it holds, and how it is put together.

use std::collections::HashMap;

use super::{Random, Tolerance};
use crate::error::Result;
use crate::graph::{Graph, TensorId};
use crate::plan::Value;
use crate::tensor::{Data, Dim, Sizes, Tensor};

/// A small graph with its weights and inputs, and how close the GPU must come to the reference.
#[derive(Debug)]
pub struct Case {
    /// The operation under test: the last node after fusion.
    pub operation: &'static str,
    /// The operation and its sizes.
    pub name: String,
    /// The graph.
    pub graph: Graph,
    /// Its parameters.
    pub weights: HashMap<String, Tensor>,
    /// The counts of the run.
    pub sizes: Sizes,
    /// Its inputs, in order.
    pub inputs: Vec<Data>,
    /// How close the result must be.
    pub tolerance: Tolerance,
}

impl Case {
    /// Its inputs as a run wants them, in order.
    #[must_use]
    pub fn values(&self) -> Vec<Value<'_>> {
        self.inputs.iter().map(Value::from).collect()
    }
}

/// A case that is not built yet: some hold millions of values.
pub type Recipe = Box<dyn Fn() -> Result<Case> + Send + Sync>;

/// What rows are filled with.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Numbers in [-1, 1].
    Unit,
    /// One number everywhere.
    Equal,
    /// Numbers in [-1, 1], and 10,000 more: sums of squares would cancel.
    Offset,
    /// Numbers in [-80, 80]: exp overflows unless the maximum is taken off first.
    Extreme,
}

pub(super) const VALUES: [Values; 4] =
    [Values::Unit, Values::Equal, Values::Offset, Values::Extreme];

impl Values {
    pub(super) fn fill(self, random: &mut Random, count: usize) -> Vec<f32> {
        let values = (0..count).map(|_| random.unit());
        values
            .map(|value| match self {
                Self::Unit => value,
                Self::Equal => 0.5,
                Self::Offset => value + 1e4,
                Self::Extreme => value * 80.0,
            })
            .collect()
    }

    /// The largest size of a value.
    pub(super) fn magnitude(self) -> f32 {
        match self {
            Self::Unit | Self::Equal => 1.0,
            Self::Offset => 1e4 + 1.0,
            Self::Extreme => 80.0,
        }
    }

    /// How far the values are from each other.
    pub(super) fn range(self) -> f32 {
        match self {
            Self::Unit | Self::Equal | Self::Offset => 2.0,
            Self::Extreme => 160.0,
        }
    }
}

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

    pub(super) fn input(&mut self, name: &str, cols: usize, values: Values) -> TensorId {
        let count = self.sizes.tokens * cols;
        self.inputs
            .push(values.fill(&mut self.random, count).into());
        self.graph.input(name, [Dim::Tokens, Dim::Fixed(cols)])
    }

    pub(super) fn ids(&mut self, name: &str, bound: usize) -> TensorId {
        let ids: Vec<u32> = (0..self.sizes.tokens)
            .map(|_| self.random.below(bound) as u32)
            .collect();
        self.inputs.push(ids.into());
        self.graph.ids(name, bound)
    }

    pub(super) fn parameter<const N: usize>(&mut self, name: &str, shape: [usize; N]) -> TensorId {
        self.weights
            .insert(name.to_owned(), self.random.weights(&shape));
        self.graph.parameter(name, shape)
    }

    pub(super) fn finish(
        self,
        operation: &'static str,
        name: String,
        tolerance: Tolerance,
    ) -> Case {
        let Self {
            graph,
            weights,
            inputs,
            sizes,
            ..
        } = self;
        Case {
            operation,
            name: format!("{operation} {name}"),
            graph,
            weights,
            sizes,
            inputs,
            tolerance,
        }
    }
}
