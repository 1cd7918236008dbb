use std::sync::Arc;

use super::{checks, elementwise};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::Offer;
use crate::reference::{self, Activation};
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// A function of each element: `y[i] = activation(x[i])`.
    ///
    /// `x` and the result: `[rows, cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, ops::Activation, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let y = graph.activation(x, Activation::Gelu)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `x` is not two-dimensional.
    pub fn activation(&mut self, x: TensorId, activation: Activation) -> Result<TensorId> {
        self.apply(Arc::new(Activate { activation }), &[x])
    }
}

/// `y[i] = activation(x[i])`
#[derive(Debug)]
pub(super) struct Activate {
    pub(super) activation: Activation,
}

/// What shaders call it: `activated` in each that has one.
pub(super) fn number(activation: Activation) -> u32 {
    match activation {
        Activation::Gelu => 1,
        Activation::GeluTanh => 2,
        Activation::Silu => 3,
        Activation::Relu => 4,
        Activation::Tanh => 5,
    }
}

impl Operation for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x] = checks::operands(self.name(), operands)?;
        checks::rows_and_cols(self.name(), "x", x)?;
        Ok(x.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::activation(operands[0], self.activation)
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        elementwise::offers(
            &elementwise::ACTIVATION,
            vec![("KIND", number(self.activation))],
            request,
        )
    }
}
