use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::Checkpoint;
use super::attention_layer::Watch;
use super::derived::{Derived, DerivedParameters};
use super::table_product::{Norm, TableProduct};
use crate::error::{Error, Result};
use crate::graph::{Graph, TensorId};
use crate::plan::Weights;

/// The most elements of a table that follows from the configuration: 1 GiB of f32, where those of the longest models in
/// use have some millions.
const MOST_COMPUTED: usize = 1 << 28;

/// A graph being built over a checkpoint: every parameter is looked up, and its shape checked, as it is named.
///
/// ```
/// use wgformer::models::{Builder, Checkpoint};
/// use wgformer::tensor::Dim;
///
/// # let folder = "tests/data/tiny/plain";
/// let checkpoint = Checkpoint::open(folder.as_ref())?;
/// let mut builder = Builder::new(&checkpoint);
/// builder.set_prefixes(&["bert."]);
/// assert!(builder.has("embeddings.LayerNorm.weight"));
/// let weight = builder.parameter("embeddings.LayerNorm.weight", [32])?;
/// assert!(builder.parameter("embeddings.LayerNorm.weight", [33]).is_err());
/// let bias = builder.parameter("embeddings.LayerNorm.bias", [32])?;
///
/// let x = builder.graph.input("x", [Dim::Tokens, Dim::Fixed(32)]);
/// builder.graph.layer_norm(x, weight, bias, 1e-12)?;
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Builder<'a> {
    /// The graph so far.
    pub graph: Graph,
    weights: &'a dyn Weights,
    /// What checkpoints of this architecture may put before every name, such as `bert.`
    prefixes: &'static [&'static str],
    /// What is there already, by its name: layers that share a parameter share it in the graph.
    known: HashMap<String, TensorId>,
    pub(super) derived: DerivedParameters,
    /// Whether every second sequence expands the one before it.
    pub(super) expanded: bool,
    /// The layers that were built so far, and the one whose attention is to be seen.
    pub(super) watch: Watch,
}

/// A linear layer's parameters: `[n, k]` and, if it has one, `[n]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) weight: TensorId,
    pub(super) bias: Option<TensorId>,
}

/// Where a linear layer's tensors are.
#[derive(Clone, Debug)]
pub(super) struct LinearNames {
    /// The name in the checkpoint, without `weight` and `bias`.
    name: String,
    /// What is between that and these.
    joint: char,
    bias: bool,
    /// The first of its rows, where several layers are packed in one matrix.
    first_row: Option<usize>,
}

impl LinearNames {
    /// With a bias.
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            joint: '.',
            bias: true,
            first_row: None,
        }
    }

    /// With or without one.
    pub(super) fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// As `in_proj_weight` is called, with something else than a dot.
    pub(super) fn joined_by(self, joint: char) -> Self {
        Self { joint, ..self }
    }

    fn weight(&self) -> String {
        format!("{}{}weight", self.name, self.joint)
    }

    fn bias_name(&self) -> String {
        format!("{}{}bias", self.name, self.joint)
    }

    /// Packed with others: its rows begin here.
    pub(super) fn starting_at(self, row: usize) -> Self {
        Self {
            first_row: Some(row),
            ..self
        }
    }
}

/// A table whose rows go through a linear layer at load.
#[derive(Clone, Debug)]
pub(super) struct Table {
    name: String,
    shape: [usize; 2],
    /// Which of its rows stands at each place, if not all in order.
    rows: Option<Arc<[u32]>>,
    /// The name of its layer norm, and the epsilon.
    norm: Option<(&'static str, f32)>,
}

impl Table {
    /// All its rows, as they are.
    pub(super) fn new(name: impl Into<String>, shape: [usize; 2]) -> Self {
        Self {
            name: name.into(),
            shape,
            rows: None,
            norm: None,
        }
    }

    /// These of its rows, in this order.
    pub(super) fn at(self, rows: Arc<[u32]>) -> Self {
        Self {
            rows: Some(rows),
            ..self
        }
    }

    /// Through a layer norm before anything else.
    pub(super) fn normalised(self, name: &'static str, eps: f32) -> Self {
        Self {
            norm: Some((name, eps)),
            ..self
        }
    }

    /// How many rows are taken.
    pub(super) fn places(&self) -> usize {
        self.rows.as_ref().map_or(self.shape[0], |rows| rows.len())
    }
}

/// Parts of names that some checkpoints have otherwise: old ones, and GTE's and NomicBERT's as they were published.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
    ("lm_head.layer_norm", "lm_head.norm"),
    ("transform.layer_norm", "transform.LayerNorm"),
];

impl<'a> Builder<'a> {
    /// An empty graph over `weights`.
    #[must_use]
    pub fn new(weights: &'a dyn Weights) -> Self {
        Self {
            graph: Graph::new(),
            weights,
            prefixes: &[],
            known: HashMap::new(),
            derived: DerivedParameters::new(),
            expanded: false,
            watch: Watch::default(),
        }
    }

    /// For what every second sequence cannot have of the one before it.
    pub(super) fn lacks_expansion(&self) -> Error {
        Error::Unsupported {
            path: self.weights.location().into(),
            what: "query expansion",
            found: "mask tokens that attend and are not attended to".to_owned(),
            supported: "none with disentangled attention or a convolution".to_owned(),
        }
    }

    /// Says what checkpoints of this architecture may put before every name.
    pub fn set_prefixes(&mut self, prefixes: &'static [&'static str]) {
        self.prefixes = prefixes;
    }

    /// What was said of them.
    pub(super) fn prefixes(&self) -> &'static [&'static str] {
        self.prefixes
    }

    /// A weight of the checkpoint, found with or without a prefix, and under the name that old checkpoints use.
    ///
    /// # Errors
    /// [`crate::Error::TensorMissing`], or [`crate::Error::TensorShape`] with both shapes.
    pub fn parameter<const N: usize>(&mut self, name: &str, shape: [usize; N]) -> Result<TensorId> {
        let found = self.look_up(name, &shape)?;
        Ok(self.shared(found, shape))
    }

    /// A tensor's name in the checkpoint, its shape checked.
    fn look_up(&self, name: &str, shape: &[usize]) -> Result<String> {
        let found = self.find(name).unwrap_or_else(|| name.to_owned());
        self.weights.expect_shape(&found, shape)?;
        Ok(found)
    }

    /// Whether the checkpoint has a tensor that [`Builder::parameter`] would find.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The name that it has in the checkpoint.
    fn find(&self, name: &str) -> Option<String> {
        let others = OTHER_NAMES.iter().filter(|(part, _)| name.contains(part));
        let others = others.map(|(part, other)| name.replace(part, other));
        let spellings: Vec<String> = [name.to_owned()].into_iter().chain(others).collect();
        let prefixes = [""].iter().chain(self.prefixes);
        let mut candidates = prefixes.flat_map(|prefix| {
            let of_prefix = |spelling: &String| format!("{prefix}{spelling}");
            spellings.iter().map(of_prefix).collect::<Vec<_>>()
        });
        candidates.find(|candidate| self.weights.shape(candidate).is_some())
    }

    /// One tensor of the graph for each name.
    fn shared<const N: usize>(&mut self, name: String, shape: [usize; N]) -> TensorId {
        if let Some(known) = self.known.get(&name) {
            return *known;
        }
        let tensor = self.graph.parameter(&name, shape);
        self.known.insert(name, tensor);
        tensor
    }

    fn derive<const N: usize>(
        &mut self,
        name: String,
        shape: [usize; N],
        derived: Derived,
    ) -> TensorId {
        self.derived.insert(name.clone(), (shape.to_vec(), derived));
        self.shared(name, shape)
    }

    /// Zeros, where an architecture leaves out what an operation adds.
    pub(super) fn zeros<const N: usize>(&mut self, shape: [usize; N]) -> TensorId {
        self.derive(format!("zeros {shape:?}"), shape, Derived::Zeros)
    }

    /// What `values` makes of the configuration, row-major.
    ///
    /// # Errors
    /// [`Error::Limit`], before anything is made, for a table that only a wrong configuration asks for.
    pub(super) fn computed<const N: usize>(
        &mut self,
        name: &str,
        shape: [usize; N],
        values: impl FnOnce() -> Vec<f32>,
    ) -> Result<TensorId> {
        let elements = shape
            .iter()
            .fold(1, |all: usize, it| all.saturating_mul(*it));
        if elements > MOST_COMPUTED {
            return Err(Error::Limit {
                thing: format!("the table \"{name}\" of {}", self.weights.location()),
                needed: elements as u64,
                allowed: MOST_COMPUTED as u64,
                unit: "elements",
                advice: "lower the number of positions in its config.json",
            });
        }
        Ok(self.derive(name.to_owned(), shape, Derived::Values(values().into())))
    }

    /// A weight of the checkpoint, each of its elements times a number.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn scaled<const N: usize>(
        &mut self,
        name: &str,
        shape: [usize; N],
        by: f32,
    ) -> Result<TensorId> {
        let of = self.look_up(name, &shape)?;
        Ok(self.derive(
            format!("{of} times {by}"),
            shape,
            Derived::Scaled { of, by },
        ))
    }

    /// A row of sines and cosines for each position.
    pub(super) fn sinusoidal(&mut self, shape: [usize; 2]) -> TensorId {
        self.derive(format!("sinusoidal {shape:?}"), shape, Derived::Sinusoidal)
    }

    /// The rows of a table of the checkpoint; `None` if it has no such tensor of two dimensions.
    pub(super) fn count_rows(&self, name: &str) -> Option<usize> {
        match self.weights.shape(&self.find(name)?)?[..] {
            [rows, _] => Some(rows),
            _ => None,
        }
    }

    /// The values of a small tensor of the checkpoint, to compute others from.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let found = self.look_up(name, shape)?;
        Ok(self.weights.values(&found)?.into_owned())
    }

    /// Some rows of a tensor.
    fn rows<const N: usize>(
        &mut self,
        name: &str,
        rows: Range<usize>,
        mut shape: [usize; N],
    ) -> Result<TensorId> {
        let found = self.find(name).unwrap_or_else(|| name.to_owned());
        let (location, tensor) = (self.weights.location(), found.clone());
        let Some(whole) = self.weights.shape(&found) else {
            return Err(Error::TensorMissing { location, tensor });
        };
        shape[0] = rows.len();
        if whole.len() != N || whole[1..] != shape[1..] || whole[0] < rows.end {
            let mut expected = shape.to_vec();
            expected[0] = rows.end;
            return Err(Error::TensorShape {
                location,
                tensor,
                found: whole,
                expected,
            });
        }
        let name = format!("{found} [{}..{}]", rows.start, rows.end);
        let derived = Derived::Rows {
            from: None,
            of: found,
            first: rows.start,
        };
        Ok(self.derive(name, shape, derived))
    }

    /// The weight and the bias of a linear layer of `n` outputs and `k` inputs.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn linear(&mut self, names: &LinearNames, n: usize, k: usize) -> Result<Linear> {
        let (weight, bias, has_bias) = (names.weight(), names.bias_name(), names.bias);
        let Some(first) = names.first_row else {
            return Ok(Linear {
                weight: self.parameter(&weight, [n, k])?,
                bias: match has_bias {
                    true => Some(self.parameter(&bias, [n])?),
                    false => None,
                },
            });
        };
        Ok(Linear {
            weight: self.rows(&weight, first..first + n, [n, k])?,
            bias: match has_bias {
                true => Some(self.rows(&bias, first..first + n, [n])?),
                false => None,
            },
        })
    }

    /// The weight and the bias of a convolution of `n` outputs over `size` tokens of `k` columns, as the linear layer of
    /// [`Graph::unfold`]'s result that it is: `[n, k * size]` and `[n]`.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn convolution(
        &mut self,
        name: &str,
        n: usize,
        k: usize,
        size: usize,
    ) -> Result<Linear> {
        let weight = self.look_up(&format!("{name}.weight"), &[n, k, size])?;
        Ok(Linear {
            weight: self.filled_up(weight, 0, [n, k * size]),
            bias: Some(self.parameter(&format!("{name}.bias"), [n])?),
        })
    }

    /// A table's rows through a linear layer of `n` outputs: `[places, n]`.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn projected(
        &mut self,
        table: &Table,
        names: &LinearNames,
        n: usize,
    ) -> Result<TensorId> {
        let k = table.shape[1];
        let (weight, bias) = (names.weight(), names.bias_name());
        let norm = match table.norm {
            Some((name, eps)) => Some(Norm {
                weight: self.look_up(&format!("{name}.weight"), &[k])?,
                bias: self.look_up(&format!("{name}.bias"), &[k])?,
                eps,
            }),
            None => None,
        };
        let product = TableProduct {
            table: self.look_up(&table.name, &table.shape)?,
            k,
            places: table.rows.clone(),
            norm,
            weight: self.look_up(&weight, &[n, k])?,
            bias: match names.bias {
                true => Some(self.look_up(&bias, &[n])?),
                false => None,
            },
        };
        let name = format!("{} through {}", product.table, product.weight);
        Ok(self.derive(name, [table.places(), n], Derived::TableProduct(product)))
    }

    /// A linear layer of few outputs, such as a classifier's, followed by rows of zeros up to a multiple of four: the
    /// kernels that adapters like best take no others. The result has as many columns more.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn padded_linear(&mut self, name: &str, n: usize, k: usize) -> Result<Linear> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.padded_outputs(&weight, Some(&bias), [n, k], 0..n)
    }

    /// As [`Builder::padded_linear`], by the names of its tensors, of some of its outputs.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn padded_outputs(
        &mut self,
        weight: &str,
        bias: Option<&str>,
        [n, k]: [usize; 2],
        outputs: Range<usize>,
    ) -> Result<Linear> {
        let (first, rows) = (outputs.start, outputs.len().next_multiple_of(4));
        let weight = self.look_up(weight, &[n, k])?;
        let weight = self.filled_up(weight, first, [rows, k]);
        let bias = match bias {
            Some(bias) => {
                let bias = self.look_up(bias, &[n])?;
                Some(self.filled_up(bias, first, [rows]))
            }
            None => None,
        };
        Ok(Linear { weight, bias })
    }

    /// Rows of a tensor from this one on, past its last one zeros.
    fn filled_up<const N: usize>(
        &mut self,
        of: String,
        first: usize,
        shape: [usize; N],
    ) -> TensorId {
        let name = format!("{of} [{first}..] up to {}", first + shape[0]);
        let from = None;
        self.derive(name, shape, Derived::Rows { from, of, first })
    }

    /// A weight of another checkpoint, if it is `filled_up` followed by rows of zeros up to a multiple of four.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn parameter_of<const N: usize>(
        &mut self,
        checkpoint: &Arc<Checkpoint>,
        name: &str,
        mut shape: [usize; N],
        filled_up: bool,
    ) -> Result<TensorId> {
        checkpoint.expect_shape(name, &shape)?;
        if filled_up {
            shape[0] = shape[0].next_multiple_of(4);
        }
        let derived = Derived::Rows {
            from: Some(Arc::clone(checkpoint)),
            of: name.to_owned(),
            first: 0,
        };
        let name = format!("{name} of {} as {shape:?}", checkpoint.location());
        Ok(self.derive(name, shape, derived))
    }
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("graph", &self.graph)
            .field("weights", &self.weights.location())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;

    #[test]
    fn a_table_that_no_device_would_hold_is_refused_before_it_is_made() {
        let weights = HashMap::<String, Tensor>::new();
        let mut builder = Builder::new(&weights);
        let mut make = |rows| builder.computed("t", [rows, 4], || vec![0.5; 4]);
        make(1).unwrap();
        for rows in [(MOST_COMPUTED / 4) + 1, usize::MAX] {
            let error = make(rows).unwrap_err().to_string();
            assert!(error.contains("table \"t\" of"), "{error}");
        }
    }
}
