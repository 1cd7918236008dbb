//! Tables of which each run brings a row for every token, such as those of rotations: they stay on the host, and what a
//! run brings is there once for all the steps that read it. The graph says so; tables that only a device has no room for
//! are `host_tables.rs`.

use super::Value;
use super::parameters::check_finite;
use super::weights::{Weights, read};
use crate::error::Result;
use crate::graph::{Graph, Source, TensorId};
use crate::tensor::{Sizes, WeightType};

/// What a tensor of [`Source::Rows`] is filled with.
#[derive(Debug)]
pub(super) struct Rows {
    /// Which of the graph's inputs says which rows.
    indices: usize,
    table: Vec<f32>,
    cols: usize,
}

impl Rows {
    /// `None` if the tensor is of another source.
    ///
    /// # Errors
    /// What `weights` says of the table; [`crate::Error::NotFinite`] if it holds a NaN or an infinity.
    pub(super) fn of(
        graph: &Graph,
        tensor: TensorId,
        weights: &dyn Weights,
    ) -> Result<Option<Self>> {
        let Source::Rows { table, indices } = graph.tensor(tensor).source else {
            return Ok(None);
        };
        let info = graph.tensor(table);
        let shape = info.shape.resolve(&Sizes::default());
        let table = read(&info.name, &shape, weights)?.into_owned();
        check_finite(weights, &info.name, &table, WeightType::F32)?;
        let mut inputs = graph.inputs().iter();
        let indices = inputs.position(|input| *input == indices);
        Ok(Some(Self {
            indices: indices.expect("an operation checks that it is an input"),
            table,
            cols: shape[1],
        }))
    }

    /// Those that a run reads, for each token one: `[tokens, cols]`; its inputs are checked.
    pub(super) fn gather(&self, values: &[Value<'_>]) -> Vec<f32> {
        let row = |index: &u32| &self.table[*index as usize * self.cols..][..self.cols];
        let indices = values[self.indices].integers().iter();
        indices.flat_map(row).copied().collect()
    }
}
