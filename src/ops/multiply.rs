use std::sync::Arc;

use super::{checks, elementwise};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::Offer;
use crate::reference;
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// The product of two tensors, element by element: `y[i] = a[i] * b[i]`.
    ///
    /// `a`, `b` and the result have one shape, `[rows, cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let a = graph.input("a", [Dim::Tokens, Dim::Fixed(8)]);
    /// let b = graph.input("b", [Dim::Tokens, Dim::Fixed(8)]);
    /// let y = graph.multiply(a, b)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the shapes differ.
    pub fn multiply(&mut self, a: TensorId, b: TensorId) -> Result<TensorId> {
        self.apply(Arc::new(Multiply), &[a, b])
    }
}

/// `y[i] = a[i] * b[i]`
#[derive(Debug)]
pub(super) struct Multiply;

impl Operation for Multiply {
    fn name(&self) -> &'static str {
        "multiply"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [a, b] = checks::operands(self.name(), operands)?;
        checks::rows_and_cols(self.name(), "a", a)?;
        checks::rows_and_cols(self.name(), "b", b)?;
        checks::same_shape(self.name(), ("a", a), ("b", b))?;
        Ok(a.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::multiply(operands[0], operands[1])
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        elementwise::offers(&elementwise::MULTIPLY, vec![], request)
    }
}
