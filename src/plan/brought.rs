//! What each run brings to a step beside the graph's inputs: indices as a kernel wants them, and rows of tables that stay
//! on the host.

use super::Value;
use super::host_tables::HostTable;
use super::weights::Weights;
use crate::error::Result;
use crate::gpu::{Capabilities, buffer_bytes};
use crate::graph::{Graph, Node, TensorId};
use crate::kernel::{Binding, Offer};

/// What fills one binding of a step, in each run anew.
#[derive(Clone, Debug)]
pub(super) enum Brought {
    /// The rows of a table, one for each token.
    Table(HostTable),
    /// Indices, one for each token, one after another.
    Indices(Vec<Index>),
}

/// Into which rows of its table a token looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Index {
    /// As this input of the graph says.
    Input(usize),
    /// Its own number: the rows of the table are brought in order of tokens.
    Number,
}

impl Brought {
    /// What runs bring to a node, in the order of its bindings.
    pub(super) fn of_node(
        graph: &Graph,
        node: &Node,
        offer: &Offer,
        capabilities: &Capabilities,
    ) -> Vec<Self> {
        let bindings = &offer.largest().bindings;
        let table = |binding: &Binding| HostTable::of(graph, node, binding, capabilities);
        let tables: Vec<HostTable> = bindings.iter().filter_map(table).collect();
        let index = |operand: &usize| {
            let is_numbered = tables.iter().any(|table| table.indices == *operand);
            let is_it = |input: &TensorId| *input == node.inputs[*operand];
            match graph.inputs().iter().position(is_it) {
                _ if is_numbered => Index::Number,
                Some(input) => Index::Input(input),
                None => unreachable!("no operation makes integers"),
            }
        };
        let brought = |binding: &Binding| match binding {
            Binding::Indices(operands) => Some(Self::Indices(operands.iter().map(index).collect())),
            table_or_not => table(table_or_not).map(Self::Table),
        };
        bindings.iter().filter_map(brought).collect()
    }

    pub(super) fn needs_weights(&self) -> bool {
        matches!(self, Self::Table(_))
    }

    /// The bytes that it takes for so many tokens.
    pub(super) fn bytes(&self, tokens: usize) -> u64 {
        match self {
            Self::Table(table) => table.bytes(tokens),
            Self::Indices(indices) => buffer_bytes(indices.len() * tokens),
        }
    }

    /// For a run of so many tokens.
    ///
    /// # Errors
    /// As [`HostTable::rows`].
    pub(super) fn words(
        &self,
        weights: Option<&dyn Weights>,
        tokens: usize,
        values: &[Value<'_>],
    ) -> Result<Vec<u32>> {
        let indices = match self {
            Self::Table(table) => {
                return table.rows(weights.expect("kept for tables on the host"), values);
            }
            Self::Indices(indices) => indices,
        };
        let mut words = Vec::with_capacity(indices.len() * tokens);
        for index in indices {
            match index {
                Index::Input(place) => words.extend_from_slice(values[*place].integers()),
                Index::Number => words.extend(0..tokens as u32),
            }
        }
        Ok(words)
    }
}
