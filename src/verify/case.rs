//! One case of the table.

use std::collections::HashMap;

use half::f16;

use super::Tolerance;
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::Value;
use crate::tensor::{Data, Sizes, Tensor};

/// A small graph with its weights and inputs, and how close the GPU must come to the reference.
#[derive(Clone, Debug)]
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

    /// The same with inputs that f16 holds exactly, for kernels that round them to it: what is then compared is the
    /// sum, as closely as that of any other kernel. Below f16's normal numbers adapters may round to zero.
    ///
    /// # Panics
    /// If an input is larger than f16 holds, which such kernels are not made for.
    #[must_use]
    pub(super) fn in_f16(&self) -> Self {
        let round = |value: &f32| {
            let half = f16::from_f32(*value);
            assert!(half.is_finite(), "{}: {value} in f16", self.name);
            if half.is_normal() { half.to_f32() } else { 0.0 }
        };
        let inputs = self.inputs.iter().map(|input| match input {
            Data::F32(values) => Data::F32(values.iter().map(round).collect()),
            Data::U32(values) => Data::U32(values.clone()),
        });
        Self {
            inputs: inputs.collect(),
            ..self.clone()
        }
    }
}

/// A case that is not built yet: some hold millions of values.
pub type Recipe = Box<dyn Fn() -> Result<Case> + Send + Sync>;
