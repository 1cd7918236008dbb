//! Parameters that a checkpoint does not hold as the graph needs them: rows of a packed matrix, zeros where an
//! architecture leaves something out, tables that follow from the configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Checkpoint;
use super::positions::sinusoidal;
use super::table_product::TableProduct;
use crate::error::Result;
use crate::plan::Weights;

/// What parameters are derived from.
pub(super) trait Source: Weights + fmt::Debug {
    /// Some of a tensor's elements, as f32; past its last one zeros.
    ///
    /// # Errors
    /// As [`Weights::values`].
    fn filled_up(&self, name: &str, elements: Range<usize>) -> Result<Cow<'_, [f32]>>;
}

/// How one such parameter comes about.
#[derive(Clone, Debug)]
pub(super) enum Derived {
    /// Zeros.
    Zeros,
    /// Rows of a tensor of the checkpoint, or of another one, from this one on; past its last one zeros.
    Rows {
        from: Option<Arc<Checkpoint>>,
        of: String,
        first: usize,
    },
    /// A tensor of the checkpoint, each of its elements times a number.
    Scaled { of: String, by: f32 },
    /// A row of sines and cosines for each position, made when it is asked for.
    Sinusoidal,
    /// Computed from the configuration, row-major.
    Values(Arc<[f32]>),
    /// A table of the checkpoint through one of its linear layers.
    TableProduct(TableProduct),
}

/// Those of a graph, by their names: each with its shape.
pub(super) type DerivedParameters = BTreeMap<String, (Vec<usize>, Derived)>;

/// A checkpoint, or what stands for one, and what is derived from it.
#[derive(Clone, Debug)]
pub(super) struct NetworkWeights {
    pub(super) source: Arc<dyn Source>,
    pub(super) derived: DerivedParameters,
}

impl NetworkWeights {
    /// The elements of rows of one of the derived parameters.
    fn derive(
        &self,
        (shape, derived): &(Vec<usize>, Derived),
        rows: impl ExactSizeIterator<Item = usize>,
    ) -> Result<Vec<f32>> {
        let cols = shape.iter().skip(1).product::<usize>();
        let mut values = Vec::with_capacity(rows.len() * cols);
        match derived {
            Derived::Zeros => values.resize(rows.len() * cols, 0.0),
            Derived::Values(all) => {
                rows.for_each(|row| values.extend_from_slice(&all[row * cols..(row + 1) * cols]));
            }
            Derived::Scaled { of, by } => {
                for row in rows {
                    let unscaled = self.source.filled_up(of, row * cols..(row + 1) * cols)?;
                    values.extend(unscaled.iter().map(|value| value * by));
                }
            }
            Derived::Sinusoidal => values.extend(rows.flat_map(|row| sinusoidal(row, cols))),
            Derived::Rows { from, of, first } => {
                let from = self.of(from.as_deref());
                for row in rows {
                    let start = (first + row) * cols;
                    values.extend_from_slice(&from.filled_up(of, start..start + cols)?);
                }
            }
            Derived::TableProduct(product) => values = product.rows(&*self.source, rows)?,
        }
        Ok(values)
    }

    /// Another checkpoint, if there is one.
    fn of<'a>(&'a self, other: Option<&'a Checkpoint>) -> &'a dyn Source {
        match other {
            Some(other) => other,
            None => &*self.source,
        }
    }
}

impl Weights for NetworkWeights {
    fn location(&self) -> String {
        self.source.location()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.derived.get(name) {
            Some((shape, _)) => Some(shape.clone()),
            None => self.source.shape(name),
        }
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        match self.derived.get(name) {
            Some((shape, Derived::Rows { from, of, first })) => {
                let elements = shape.iter().product::<usize>();
                let start = first * (elements / shape[0].max(1));
                let from = self.of(from.as_deref());
                from.filled_up(of, start..start + elements)
            }
            Some(it) => Ok(Cow::Owned(self.derive(it, 0..it.0[0])?)),
            None => self.source.values(name),
        }
    }

    fn rows(&self, name: &str, rows: &[u32]) -> Result<Vec<f32>> {
        match self.derived.get(name) {
            Some(it) => self.derive(it, rows.iter().map(|row| *row as usize)),
            None => self.source.rows(name, rows),
        }
    }
}
