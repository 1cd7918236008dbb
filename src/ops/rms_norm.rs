use std::sync::Arc;

use super::layer_norm::{Kind, Norm};
use crate::error::Result;
use crate::graph::{Graph, TensorId};

impl Graph {
    /// RMS norm over the last axis: `y[r, c] = x[r, c] / sqrt(mean(x[r] * x[r]) + eps) * weight[c]`, as transformers'
    /// `LlamaRMSNorm` has it: layer norm that neither takes the mean away nor adds a bias. It runs on layer norm's kernels,
    /// and a sum in front of it becomes part of it as of layer norm.
    ///
    /// `x` and the result: `[rows, cols]`; `weight`: `[cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let weight = graph.parameter("input_layernorm.weight", [8]);
    /// let y = graph.rms_norm(x, weight, 1e-5)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn rms_norm(&mut self, x: TensorId, weight: TensorId, eps: f32) -> Result<TensorId> {
        self.apply(Arc::new(Norm::new(Kind::Rms, eps)), &[x, weight])
    }
}
