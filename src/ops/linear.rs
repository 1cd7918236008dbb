use std::any::Any;
use std::sync::Arc;

use super::add::Add;
use super::checks;
use super::gelu::Gelu;
use super::linear_kernels::{self, Epilogue, Projection};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::Offer;
use crate::reference;
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
            gelu: false,
            residual: false,
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

/// `residual + gelu(x · weight^T + bias)`, each part if it is set; operands: x, weight, bias, residual.
#[derive(Debug)]
struct Linear {
    bias: bool,
    gelu: bool,
    residual: bool,
}

impl Linear {
    fn bias(&self) -> Option<usize> {
        self.bias.then_some(2)
    }

    fn residual(&self) -> Option<usize> {
        self.residual.then_some(2 + usize::from(self.bias))
    }
}

impl Operation for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let expected = 2 + usize::from(self.bias) + usize::from(self.residual);
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
        if let Some(residual) = self.residual() {
            let result = TensorInfo {
                shape: shape.clone(),
                ..operands[0].clone()
            };
            checks::rows_and_cols("linear", "residual", operands[residual])?;
            checks::same_shape(
                "linear",
                ("result", &result),
                ("residual", operands[residual]),
            )?;
        }
        Ok(shape)
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let mut y = reference::linear(
            operands[0],
            operands[1],
            self.bias().map(|bias| operands[bias]),
        );
        if self.gelu {
            y = reference::gelu(&y);
        }
        if let Some(residual) = self.residual() {
            y = reference::add(&y, operands[residual]);
        }
        y
    }

    fn work(&self, operands: &[Vec<usize>], result: &[usize], _sizes: &Sizes) -> f64 {
        linear_kernels::work(&operands[0], result)
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let projection = Projection {
            weights: vec![1],
            biases: self.bias().into_iter().collect(),
            epilogue: Epilogue {
                gelu: self.gelu,
                residual: self.residual(),
                split_head_dim: None,
            },
        };
        linear_kernels::offers(request, &projection)
    }

    /// What follows element by element is done before the sum leaves the registers.
    fn absorb(&self, consumer: &dyn Operation, _operand: usize) -> Option<Arc<dyn Operation>> {
        let consumer = consumer as &dyn Any;
        let Self {
            bias,
            gelu,
            residual,
        } = *self;
        if consumer.is::<Gelu>() && !gelu && !residual {
            Some(Arc::new(Self {
                bias,
                gelu: true,
                residual,
            }))
        } else if consumer.is::<Add>() && !residual {
            Some(Arc::new(Self {
                bias,
                gelu,
                residual: true,
            }))
        } else {
            None
        }
    }
}
