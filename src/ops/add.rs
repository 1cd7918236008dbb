use std::any::Any;
use std::sync::Arc;

use super::layer_norm::Norm;
use super::{checks, elementwise};
use crate::error::Result;
use crate::graph::{Graph, Node, Operation, Request, TensorId, TensorInfo};
use crate::kernel::Offer;
use crate::reference;
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// The sum of two tensors: `y[i] = a[i] + b[i]`.
    ///
    /// `a`, `b` and the result have one shape, `[rows, cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let a = graph.input("a", [Dim::Tokens, Dim::Fixed(8)]);
    /// let b = graph.input("b", [Dim::Tokens, Dim::Fixed(8)]);
    /// let y = graph.add(a, b)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the shapes differ.
    pub fn add(&mut self, a: TensorId, b: TensorId) -> Result<TensorId> {
        self.apply(Arc::new(Add), &[a, b])
    }
}

/// `y[i] = a[i] + b[i]`
#[derive(Debug)]
pub(super) struct Add;

impl Operation for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [a, b] = checks::operands("add", operands)?;
        checks::rows_and_cols("add", "a", a)?;
        checks::rows_and_cols("add", "b", b)?;
        checks::same_shape("add", ("a", a), ("b", b))?;
        Ok(a.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::add(operands[0], operands[1])
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        elementwise::offers(&elementwise::ADD, vec![], request)
    }

    /// A sum that is normalised at once need not be stored.
    fn absorb(&self, _own: &Node, consumer: &Node) -> Option<Arc<dyn Operation>> {
        let consumer = consumer.operation.as_ref() as &dyn Any;
        let norm = consumer.downcast_ref::<Norm>()?.of_sum()?;
        Some(Arc::new(norm))
    }
}
