use std::any::Any;
use std::sync::Arc;

use super::checks;
use super::linear_kernels::{self, Epilogue, Projection, Rotations};
use super::rotary::{self, Rotary};
use crate::error::Result;
use crate::graph::{Graph, Node, Operation, Request, TensorId, TensorInfo};
use crate::kernel::Offer;
use crate::reference;
use crate::tensor::{Dim, Shape, Sizes, Tensor};

/// One thing each for query, key and value.
///
/// See [`Graph::qkv_linear`].
#[derive(Clone, Copy, Debug)]
pub struct Qkv<T> {
    /// For the query.
    pub query: T,
    /// For the key.
    pub key: T,
    /// For the value.
    pub value: T,
}

impl Graph {
    /// The projections that attention reads, in one product, each written contiguously per head:
    /// `y[p, h, t, d] = sum over i of x[t, i] * weight_p[h * head_dim + d, i] + bias_p[h * head_dim + d]`.
    ///
    /// `x`: `[tokens, k]`; `weights`: each `[hidden, k]`; `biases`: each `[hidden]`;
    /// the result: `[3, heads, tokens, head_dim]`.
    ///
    /// ```
    /// # use wgformer::{Graph, ops::Qkv, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let mut weight = |name| graph.parameter(name, [8, 8]);
    /// let weights = Qkv { query: weight("query"), key: weight("key"), value: weight("value") };
    /// let qkv = graph.qkv_linear(x, weights, None, 2)?;
    /// assert_eq!(graph.tensor(qkv).shape.to_string(), "[3, 2, tokens, 4]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together, or `heads` does not divide hidden.
    pub fn qkv_linear(
        &mut self,
        x: TensorId,
        weights: Qkv<TensorId>,
        biases: Option<Qkv<TensorId>>,
        heads: usize,
    ) -> Result<TensorId> {
        let mut inputs = vec![x, weights.query, weights.key, weights.value];
        if let Some(biases) = biases {
            inputs.extend([biases.query, biases.key, biases.value]);
        }
        self.apply(
            Arc::new(QkvLinear {
                heads,
                bias: biases.is_some(),
                rotary: false,
            }),
            &inputs,
        )
    }
}

/// Query, key and value of attention, query and key turned if `rotary` is set; operands: x, three weights, three biases
/// if there are any, the rotations of each token.
#[derive(Debug)]
struct QkvLinear {
    heads: usize,
    bias: bool,
    rotary: bool,
}

impl QkvLinear {
    /// The operands before the rotations.
    fn own_operands(&self) -> usize {
        if self.bias { 7 } else { 4 }
    }

    fn rotations(&self) -> Option<usize> {
        self.rotary.then_some(self.own_operands())
    }
}

impl Operation for QkvLinear {
    fn name(&self) -> &'static str {
        "qkv_linear"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let own = self.own_operands();
        let expected = own + usize::from(self.rotary);
        if operands.len() != expected {
            return Err(checks::error(
                self.name(),
                format!("takes {expected} operands, was given {}", operands.len()),
            ));
        }
        let (rows, hidden) = linear_kernels::infer(self.name(), operands[0], operands[1])?;
        if rows != Dim::Tokens {
            return Err(checks::error(
                self.name(),
                format!("x must be [tokens, k], is {}", operands[0].shape),
            ));
        }
        for weight in &operands[2..4] {
            checks::matrix(self.name(), "weight", weight)?;
            checks::same_shape(
                self.name(),
                ("query's weight", operands[1]),
                ("another", weight),
            )?;
        }
        for bias in &operands[4..own] {
            checks::vector(self.name(), "bias", bias, hidden)?;
        }
        if self.heads == 0 || hidden % self.heads != 0 {
            return Err(checks::error(
                self.name(),
                format!("{hidden} columns do not divide into {} heads", self.heads),
            ));
        }
        let head_dim = hidden / self.heads;
        if let Some(rotations) = self.rotations() {
            rotary::check(self.name(), operands[rotations], head_dim)?;
        }
        let (heads, head_dim) = (Dim::Fixed(self.heads), Dim::Fixed(head_dim));
        Ok([Dim::Fixed(3), heads, Dim::Tokens, head_dim].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let three = |first: usize| [operands[first], operands[first + 1], operands[first + 2]];
        let qkv = reference::qkv_linear(
            operands[0],
            three(1),
            self.bias.then(|| three(4)),
            self.heads,
        );
        match self.rotations() {
            None => qkv,
            Some(rotations) => reference::rotary(&qkv, operands[rotations]),
        }
    }

    fn flops(&self, operands: &[Vec<usize>], result: &[usize], _sizes: &Sizes) -> Option<f64> {
        Some(linear_kernels::flops(&operands[0], result))
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let projection = Projection {
            weights: vec![1, 2, 3],
            biases: if self.bias { vec![4, 5, 6] } else { vec![] },
            epilogue: Epilogue {
                activation: None,
                combine: None,
                split_head_dim: Some(request.fixed(1, 0) / self.heads),
                rotations: self.rotations().map(|operand| Rotations {
                    operand,
                    rotated: request.fixed(operand, 1),
                }),
                gated: false,
            },
        };
        linear_kernels::offers(request, &projection)
    }

    /// Query and key are turned before they leave the registers.
    fn absorb(&self, _own: &Node, consumer: &Node) -> Option<Arc<dyn Operation>> {
        let consumer = consumer.operation.as_ref() as &dyn Any;
        if self.rotary || !consumer.is::<Rotary>() {
            return None;
        }
        Some(Arc::new(Self {
            rotary: true,
            ..*self
        }))
    }
}
