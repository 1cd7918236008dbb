//! Tables too large for one binding of the device, such as a vocabulary of 250,000: they stay where the weights are, and
//! each run brings the rows that it reads, one for each token. On a device that has room for them the graph is the same;
//! what a graph itself wants brought is `rows.rs`.

use super::Value;
use super::parameters::check_finite;
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, buffer_bytes};
use crate::graph::{Graph, Node, TensorId};
use crate::kernel::{Binding, Layout, Matrix};
use crate::tensor::{Sizes, WeightType};

/// A table of which runs bring the rows. A kernel sees them as a table of its own, with one row for each token, and reads
/// row 0 for token 0, row 1 for token 1 and so on.
#[derive(Clone, Debug)]
pub(super) struct HostTable {
    /// The operand that says which rows are read, in whose place a run brings the number of each token.
    pub(super) indices: usize,
    /// Which of the graph's inputs that is.
    input: usize,
    /// The parameter's name.
    name: String,
    cols: usize,
    stored_as: WeightType,
}

impl HostTable {
    /// What fills a binding, if that is a table larger than a binding may be, and the rows that are read can be told
    /// from a run's inputs.
    pub(super) fn of(
        graph: &Graph,
        node: &Node,
        binding: &Binding,
        capabilities: &Capabilities,
    ) -> Option<Self> {
        let Binding::Table {
            table,
            indices,
            stored_as,
        } = binding
        else {
            return None;
        };
        let info = graph.tensor(node.inputs[*table]);
        let elements = info.shape.elements(&Sizes::default()) as u64;
        let bytes = elements * u64::from(stored_as.bits()) / 8;
        if bytes <= capabilities.largest_binding() {
            return None;
        }
        let is_indices = |input: &TensorId| *input == node.inputs[*indices];
        Some(Self {
            indices: *indices,
            input: graph.inputs().iter().position(is_indices)?,
            name: info.name.clone(),
            cols: info.shape.fixed()?.pop()?,
            stored_as: *stored_as,
        })
    }

    /// The bytes of its rows for so many tokens.
    pub(super) fn bytes(&self, tokens: usize) -> u64 {
        let words = Layout::RowMajor.words([tokens, self.cols], self.stored_as);
        buffer_bytes(words)
    }

    /// The rows that a run reads, as the kernel wants them.
    ///
    /// # Errors
    /// What `weights` says; [`Error::TensorShape`] if it gives more or less than was asked for, [`Error::NotFinite`] if
    /// one of them holds a NaN.
    pub(super) fn rows(&self, weights: &dyn Weights, values: &[Value<'_>]) -> Result<Vec<u32>> {
        let numbers = values[self.input].integers();
        let rows = weights.rows(&self.name, numbers)?;
        if rows.len() != numbers.len() * self.cols {
            return Err(Error::TensorShape {
                location: weights.location(),
                tensor: format!("rows of {}", self.name),
                found: vec![rows.len()],
                expected: vec![numbers.len(), self.cols],
            });
        }
        check_finite(weights, &self.name, &rows, self.stored_as)?;
        Ok(Layout::RowMajor.pack(&Matrix::new(&rows, self.cols, self.stored_as)))
    }
}
