//! What stands between an encoder's vectors and those that are given: sentence-transformers' `Dense` and `Normalize`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Builder, Checkpoint, json};
use crate::error::{Error, Result};
use crate::graph::TensorId;
use crate::ops::Activation;
use crate::plan::Weights;

/// A step that each vector goes through.
///
/// ```
/// use wgformer::models::{Dense, Network, Head, Projection, SentenceTransformer};
///
/// # let folder = std::path::Path::new("tests/data/retrieval/dense");
/// let own = SentenceTransformer::read(folder)?; // a pooling, two dense layers, and vectors of length 1
/// let Projection::Dense(Dense { columns, .. }) = &own.projections[1] else {
///     unreachable!()
/// };
/// assert_eq!(own.projections[2], Projection::Normalize);
///
/// let head = Head::Projected { pooling: own.pooling, projections: own.projections.clone() };
/// assert_eq!(Network::open(&own.transformer, head)?.columns, *columns);
///
/// let file = folder.join("2_Dense").join("model.safetensors");
/// let same = Dense::of_file(&file, "linear.", None)?; // by the shapes of its tensors
/// println!("{} columns", same.columns);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Projection {
    /// A linear layer.
    Dense(Dense),
    /// To length 1.
    Normalize,
}

/// A linear layer with weights of its own: `y = activation(x · weight^T + bias)`, and if it is residual, x added to that.
///
/// See [`Projection`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dense {
    /// The columns of its result.
    pub columns: usize,
    /// The columns that it takes.
    inputs: usize,
    bias: bool,
    activation: Option<Activation>,
    residual: bool,
    /// A folder with a checkpoint, or a file of weights.
    weights: PathBuf,
    /// What stands before `weight` and `bias` there.
    prefix: &'static str,
    /// What says so, for errors.
    said_by: PathBuf,
}

/// `config.json` of a `Dense`, whose defaults are those of sentence-transformers 6.2 (`base/modules/dense.py`).
#[derive(Deserialize)]
struct DenseConfig {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    activation_function: Option<String>,
    module_input_name: Option<String>,
    module_output_name: Option<String>,
    #[serde(default)]
    use_residual: bool,
    #[serde(flatten)]
    others: Map<String, Value>,
}

fn yes() -> bool {
    true
}

/// Modules of torch that are such functions; their constructors take no arguments here.
const ACTIVATIONS: &[(&str, Option<Activation>)] = &[
    ("torch.nn.modules.activation.GELU", Some(Activation::Gelu)),
    ("torch.nn.modules.activation.ReLU", Some(Activation::Relu)),
    ("torch.nn.modules.activation.SiLU", Some(Activation::Silu)),
    ("torch.nn.modules.activation.Tanh", Some(Activation::Tanh)),
    ("torch.nn.modules.linear.Identity", None),
];

impl Dense {
    /// Reads the folder of a module. `features`: what its input is called there, vectors of tokens or of sentences;
    /// `default`: its function, if it names none.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::Unsupported`] for a function or an input that this crate does not have.
    pub(super) fn read(folder: &Path, features: &str, default: Option<Activation>) -> Result<Self> {
        let path = folder.join("config.json");
        let config: DenseConfig = json::settings(&path)?;
        json::refuse_others(&path, &config.others, &[])?;
        let unsupported = |what, found: &str, supported: String| Error::Unsupported {
            path: path.clone(),
            what,
            found: found.to_owned(),
            supported,
        };
        let names = [&config.module_input_name, &config.module_output_name];
        if let Some(other) = names.into_iter().flatten().find(|name| *name != features) {
            return Err(unsupported(
                "module_input_name or module_output_name",
                other,
                features.to_owned(),
            ));
        }
        let activation = match &config.activation_function {
            None => default,
            Some(name) => {
                let known = ACTIVATIONS.iter().find(|(known, _)| known == name);
                let names = || {
                    let names: Vec<&str> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
                    names.join(", ")
                };
                known
                    .ok_or_else(|| unsupported("activation_function", name, names()))?
                    .1
            }
        };
        if config.in_features == 0 || config.out_features == 0 {
            return Err(Error::Malformed {
                path,
                message: "in_features and out_features must be at least 1".to_owned(),
            });
        }
        Ok(Self {
            columns: config.out_features,
            inputs: config.in_features,
            bias: config.bias,
            activation,
            residual: config.use_residual,
            weights: folder.to_owned(),
            prefix: "linear.",
            said_by: path,
        })
    }

    /// The folder that it was read from.
    pub(super) fn folder(&self) -> &Path {
        &self.weights
    }

    /// How many columns it takes.
    pub(super) fn taken(&self) -> usize {
        self.inputs
    }

    /// What a file of weights holds as `weight` and, if it has one, `bias`, with `prefix` before these names.
    ///
    /// See [`Projection`] for an example.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], and [`Error::TensorMissing`] or [`Error::TensorShape`] if there is no such matrix.
    pub fn of_file(
        path: &Path,
        prefix: &'static str,
        activation: Option<Activation>,
    ) -> Result<Self> {
        Self::of_weights(&Checkpoint::open_file(path)?, path, prefix, activation)
    }

    /// As [`Dense::of_file`], of a whole checkpoint.
    ///
    /// # Errors
    /// As [`Dense::of_file`].
    pub(super) fn of_checkpoint(directory: &Path, prefix: &'static str) -> Result<Self> {
        Self::of_weights(&Checkpoint::open(directory)?, directory, prefix, None)
    }

    fn of_weights(
        checkpoint: &Checkpoint,
        path: &Path,
        prefix: &'static str,
        activation: Option<Activation>,
    ) -> Result<Self> {
        let name = format!("{prefix}weight");
        let shape = checkpoint.shape(&name);
        let Some([columns, inputs]) = shape.as_deref() else {
            let (location, tensor) = (checkpoint.location(), name);
            return Err(match shape {
                None => Error::TensorMissing { location, tensor },
                Some(found) => Error::TensorShape {
                    location,
                    tensor,
                    found,
                    expected: vec![1, 1],
                },
            });
        };
        Ok(Self {
            columns: *columns,
            inputs: *inputs,
            bias: checkpoint.shape(&format!("{prefix}bias")).is_some(),
            activation,
            residual: false,
            weights: path.to_owned(),
            prefix,
            said_by: path.to_owned(),
        })
    }

    /// `x`: `[rows, inputs]`; the result: `[rows, columns]`, where it `is_last` up to a multiple of four, if it can be.
    fn build(
        &self,
        builder: &mut Builder<'_>,
        x: TensorId,
        columns: usize,
        is_last: bool,
    ) -> Result<TensorId> {
        if columns != self.inputs {
            return Err(Error::Malformed {
                path: self.said_by.clone(),
                message: format!("takes {} columns, and is given {columns}", self.inputs),
            });
        }
        let checkpoint = Arc::new(if self.weights.is_dir() {
            Checkpoint::open(&self.weights)?
        } else {
            Checkpoint::open_file(&self.weights)?
        });
        let (n, k) = (self.columns, self.inputs);
        let filled_up = is_last && !self.residual;
        let name = |name: &str| format!("{}{name}", self.prefix);
        let weight = builder.parameter_of(&checkpoint, &name("weight"), [n, k], filled_up)?;
        let bias = match self.bias {
            true => Some(builder.parameter_of(&checkpoint, &name("bias"), [n], filled_up)?),
            false => None,
        };
        let mut y = builder.graph.linear(x, weight, bias)?;
        if let Some(activation) = self.activation {
            y = builder.graph.activation(y, activation)?;
        }
        if !self.residual {
            return Ok(y);
        }
        let skipped = if n == k {
            x
        } else {
            let weight = builder.parameter_of(&checkpoint, "residual.weight", [n, k], false)?;
            builder.graph.linear(x, weight, None)?
        };
        builder.graph.add(y, skipped)
    }
}

impl Projection {
    /// All of them, one after another. `x`: `[rows, columns]`; the result, and its columns, of which there are in the
    /// graph as many as fill a multiple of four.
    ///
    /// # Errors
    /// As [`Builder::parameter`], and [`Error::Malformed`] if one takes other columns than it is given.
    pub(super) fn build_all(
        projections: &[Self],
        builder: &mut Builder<'_>,
        mut x: TensorId,
        mut columns: usize,
    ) -> Result<(TensorId, usize)> {
        let last = projections.iter().rposition(|it| *it != Self::Normalize);
        for (place, projection) in projections.iter().enumerate() {
            match projection {
                Self::Normalize => x = builder.graph.normalize(x)?,
                Self::Dense(dense) => {
                    x = dense.build(builder, x, columns, Some(place) == last)?;
                    columns = dense.columns;
                }
            }
        }
        Ok((x, columns))
    }
}
