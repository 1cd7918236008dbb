use crate::error::Result;
use crate::graph::{Graph, TensorId};
use crate::plan::Weights;

/// A graph being built over a checkpoint: every parameter is looked up, and its shape checked, as it is named.
///
/// ```
/// use wgformer::models::{Builder, Checkpoint};
/// use wgformer::tensor::Dim;
///
/// # let folder = "tests/data/tiny/plain";
/// let checkpoint = Checkpoint::open(folder.as_ref())?;
/// let mut builder = Builder::new(&checkpoint);
/// builder.set_prefix("bert.");
/// let (weight, bias) = builder.norm("embeddings.LayerNorm", 32)?;
/// assert!(builder.norm("embeddings.LayerNorm", 33).is_err());
///
/// let positions = builder.parameter("embeddings.position_embeddings.weight", [24, 32])?;
/// assert_eq!(builder.graph.tensor(positions).shape.to_string(), "[24, 32]");
///
/// let x = builder.graph.input("x", [Dim::Tokens, Dim::Fixed(32)]);
/// let x = builder.graph.layer_norm(x, weight, bias, 1e-12)?;
/// let (weight, bias) = builder.linear("encoder.layer.0.attention.self.query", 32, 32)?;
/// builder.graph.linear(x, weight, Some(bias))?;
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Builder<'a> {
    /// The graph so far.
    pub graph: Graph,
    weights: &'a dyn Weights,
    /// What checkpoints of this architecture may put before every name, such as `bert.`
    prefix: &'static str,
}

impl<'a> Builder<'a> {
    /// An empty graph over `weights`.
    #[must_use]
    pub fn new(weights: &'a dyn Weights) -> Self {
        Self {
            graph: Graph::new(),
            weights,
            prefix: "",
        }
    }

    /// Says what checkpoints of this architecture may put before every name.
    pub fn set_prefix(&mut self, prefix: &'static str) {
        self.prefix = prefix;
    }

    /// A weight of the checkpoint, found with or without the prefix, and under the name that old checkpoints use.
    ///
    /// # Errors
    /// [`crate::Error::TensorMissing`], or [`crate::Error::TensorShape`] with both shapes.
    pub fn parameter<const N: usize>(&mut self, name: &str, shape: [usize; N]) -> Result<TensorId> {
        let old = name
            .replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta");
        let candidates = [
            name.to_owned(),
            format!("{}{name}", self.prefix),
            format!("{}{old}", self.prefix),
            old,
        ];
        let found = candidates
            .iter()
            .find(|candidate| self.weights.shape(candidate).is_some());
        let found = found.unwrap_or(&candidates[0]);
        self.weights.expect_shape(found, &shape)?;
        Ok(self.graph.parameter(found, shape))
    }

    /// The weight and the bias of a linear layer: `[n, k]` and `[n]`.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub fn linear(&mut self, name: &str, n: usize, k: usize) -> Result<(TensorId, TensorId)> {
        Ok((
            self.parameter(&format!("{name}.weight"), [n, k])?,
            self.parameter(&format!("{name}.bias"), [n])?,
        ))
    }

    /// The weight and the bias of a norm: `[hidden]` each.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub fn norm(&mut self, name: &str, hidden: usize) -> Result<(TensorId, TensorId)> {
        Ok((
            self.parameter(&format!("{name}.weight"), [hidden])?,
            self.parameter(&format!("{name}.bias"), [hidden])?,
        ))
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
