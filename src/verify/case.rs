//! One case of the table.

use std::collections::HashMap;
use std::sync::Arc;

use super::Tolerance;
use super::values::in_f16;
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::Value;
use crate::tensor::{Data, Sizes, Tensor};

/// A small graph with its weights and inputs, and how close the GPU must come to the reference.
///
/// See [`cases`](super::cases).
#[derive(Clone, Debug)]
pub struct Case {
    /// The operation under test: the last node after fusion.
    pub operation: &'static str,
    /// The operation and its sizes.
    pub name: String,
    /// The graph.
    pub graph: Graph,
    /// Its parameters.
    pub weights: Arc<HashMap<String, Tensor>>,
    /// The counts of the run.
    pub sizes: Sizes,
    /// Its inputs, in order.
    pub inputs: Vec<Data>,
    /// How close the result must be.
    pub tolerance: Tolerance,
    /// The same of kernels that round to f16 what they multiply, on inputs that f16 holds.
    pub tolerance_in_f16: Tolerance,
}

impl Case {
    /// Its inputs as a run wants them, in order.
    ///
    /// See [`cases`](super::cases) for an example.
    #[must_use]
    pub fn values(&self) -> Vec<Value<'_>> {
        self.inputs.iter().map(Value::from).collect()
    }

    /// The same with inputs [`in_f16`], for kernels that round to it.
    pub(super) fn in_f16(&self) -> Self {
        Self {
            inputs: in_f16(&self.inputs),
            tolerance: self.tolerance_in_f16,
            ..self.clone()
        }
    }
}

/// A case that is not built yet: some hold millions of values.
///
/// See [`cases`](super::cases).
pub type Recipe = Box<dyn Fn() -> Result<Case> + Send + Sync>;
