use std::sync::Arc;

use super::checks;
use super::linear_kernels::{self, Epilogue, Projection};
use crate::error::Result;
use crate::graph::{Operation, Request, TensorInfo};
use crate::kernel::Offer;
use crate::reference::{self, Activation};
use crate::tensor::{Dim, Shape, Sizes, Tensor};

/// Two linear layers of one input, one of which gates the other: `activation(x · gate^T + gate bias) * (x · weight^T + bias)`.
/// Made of them by a plan; operands: of one and then of the other x, weight and, if both have one, bias.
#[derive(Debug)]
pub(super) struct GatedLinear {
    pub(super) bias: bool,
    /// Of the gate.
    pub(super) activation: Option<Activation>,
    /// Whether the first of the two is the gate.
    pub(super) gate_first: bool,
}

impl GatedLinear {
    /// The operands of each.
    fn operands_of_each(&self) -> usize {
        2 + usize::from(self.bias)
    }

    /// Where the operands of the gate start, and those of the other.
    fn starts(&self) -> [usize; 2] {
        let second = self.operands_of_each();
        if self.gate_first {
            [0, second]
        } else {
            [second, 0]
        }
    }
}

impl Operation for GatedLinear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let expected = 2 * self.operands_of_each();
        if operands.len() != expected {
            return Err(checks::error(
                self.name(),
                format!("takes {expected} operands, was given {}", operands.len()),
            ));
        }
        let [gate, other] = self.starts();
        let (rows, n) = linear_kernels::infer(self.name(), operands[gate], operands[gate + 1])?;
        for first in [gate, other] {
            checks::same_shape(
                self.name(),
                ("gate's weight", operands[gate + 1]),
                ("weight", operands[first + 1]),
            )?;
            if self.bias {
                checks::vector(self.name(), "bias", operands[first + 2], n)?;
            }
        }
        Ok([rows, Dim::Fixed(n)].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let [gate, passed] = self.starts().map(|first| {
            let bias = self.bias.then(|| operands[first + 2]);
            reference::linear(operands[first], operands[first + 1], bias)
        });
        match self.activation {
            None => reference::multiply(&gate, &passed),
            Some(activation) => {
                reference::multiply(&reference::activation(&gate, activation), &passed)
            }
        }
    }

    fn flops(&self, operands: &[Vec<usize>], result: &[usize], _sizes: &Sizes) -> Option<f64> {
        Some(2.0 * linear_kernels::flops(&operands[0], result))
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let starts = self.starts();
        let biases = starts.map(|first| first + 2).into_iter();
        let projection = Projection {
            weights: starts.map(|first| first + 1).into(),
            biases: biases.filter(|_| self.bias).collect(),
            epilogue: Epilogue {
                activation: self.activation,
                combine: None,
                split_head_dim: None,
                rotations: None,
                gated: true,
            },
        };
        linear_kernels::offers(request, &projection)
    }
}

/// What a plan makes of two linear layers of one input; `None` if both are activated, or only one has a bias.
pub(super) fn of_two(
    [first, second]: [(bool, Option<Activation>); 2],
) -> Option<Arc<dyn Operation>> {
    let gate_first = second.1.is_none();
    if first.0 != second.0 || (!gate_first && first.1.is_some()) {
        return None;
    }
    Some(Arc::new(GatedLinear {
        bias: first.0,
        activation: first.1.or(second.1),
        gate_first,
    }))
}
