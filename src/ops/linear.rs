use std::any::Any;
use std::sync::Arc;

use super::activation::Activate;
use super::add::Add;
use super::checks;
use super::gated_linear;
use super::linear_kernels::{self, Combine, Epilogue, Projection};
use super::multiply::Multiply;
use crate::error::Result;
use crate::graph::{Graph, Node, Operation, Request, TensorId, TensorInfo};
use crate::kernel::Offer;
use crate::reference::{self, Activation};
use crate::tensor::{Dim, Shape, Sizes, Tensor};

impl Graph {
    /// A linear layer: `y[r, j] = sum over i of x[r, i] * weight[j, i] + bias[j]`.
    ///
    /// `x`: `[m, k]`; `weight`: `[n, k]`, as in the checkpoint; `bias`: `[n]`; the result: `[m, n]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let weight = graph.parameter("dense.weight", [4, 8]);
    /// let bias = graph.parameter("dense.bias", [4]);
    /// let y = graph.linear(x, weight, Some(bias))?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 4]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn linear(
        &mut self,
        x: TensorId,
        weight: TensorId,
        bias: Option<TensorId>,
    ) -> Result<TensorId> {
        let operation = Linear {
            bias: bias.is_some(),
            activation: None,
            combine: None,
        };
        self.apply(
            Arc::new(operation),
            &[Some(x), Some(weight), bias]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>(),
        )
    }
}

/// `activation(x · weight^T + bias)`, to which another tensor is added or by which it is multiplied, each part if it is
/// set; operands: x, weight, bias, the other tensor.
#[derive(Debug)]
struct Linear {
    bias: bool,
    activation: Option<Activation>,
    combine: Option<Combine>,
}

impl Linear {
    fn bias(&self) -> Option<usize> {
        self.bias.then_some(2)
    }

    fn other(&self) -> Option<(Combine, usize)> {
        Some((self.combine?, 2 + usize::from(self.bias)))
    }
}

impl Operation for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let expected = 2 + usize::from(self.bias) + usize::from(self.combine.is_some());
        if operands.len() != expected {
            return Err(checks::error(
                "linear",
                format!("takes {expected} operands, was given {}", operands.len()),
            ));
        }
        let (rows, n) = linear_kernels::infer("linear", operands[0], operands[1])?;
        if let Some(bias) = self.bias() {
            checks::vector("linear", "bias", operands[bias], n)?;
        }
        let shape: Shape = [rows, Dim::Fixed(n)].into();
        if let Some((_, other)) = self.other() {
            let result = TensorInfo {
                shape: shape.clone(),
                ..operands[0].clone()
            };
            checks::rows_and_cols("linear", "other", operands[other])?;
            checks::same_shape("linear", ("result", &result), ("other", operands[other]))?;
        }
        Ok(shape)
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let mut y = reference::linear(
            operands[0],
            operands[1],
            self.bias().map(|bias| operands[bias]),
        );
        if let Some(activation) = self.activation {
            y = reference::activation(&y, activation);
        }
        match self.other() {
            None => y,
            Some((Combine::Add, other)) => reference::add(&y, operands[other]),
            Some((Combine::Multiply, other)) => reference::multiply(&y, operands[other]),
        }
    }

    fn flops(&self, operands: &[Vec<usize>], result: &[usize], _sizes: &Sizes) -> Option<f64> {
        Some(linear_kernels::flops(&operands[0], result))
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let projection = Projection {
            weights: vec![1],
            biases: self.bias().into_iter().collect(),
            epilogue: Epilogue {
                activation: self.activation,
                combine: self.other(),
                split_head_dim: None,
                rotations: None,
                gated: false,
            },
        };
        linear_kernels::offers(request, &projection)
    }

    /// What follows element by element is done before the sum leaves the registers.
    fn absorb(&self, own: &Node, consumer: &Node) -> Option<Arc<dyn Operation>> {
        if self.combine.is_some() {
            return None;
        }
        let reads_same = consumer.inputs[0] == own.inputs[0];
        let consumer = consumer.operation.as_ref() as &dyn Any;
        let (mut activation, mut combine) = (self.activation, None);
        if let Some(activate) = consumer.downcast_ref::<Activate>() {
            if activation.replace(activate.activation).is_some() {
                return None;
            }
        } else if consumer.is::<Add>() {
            combine = Some(Combine::Add);
        } else if consumer.is::<Multiply>() {
            combine = Some(Combine::Multiply);
        } else if let Some(Self {
            bias,
            activation: of_other,
            combine: Some(Combine::Multiply),
        }) = consumer.downcast_ref::<Self>()
        {
            let two = [(self.bias, activation), (*bias, *of_other)];
            return gated_linear::of_two(two).filter(|_| reads_same);
        } else {
            return None;
        }
        Some(Arc::new(Self {
            bias: self.bias,
            activation,
            combine,
        }))
    }
}
