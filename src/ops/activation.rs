use std::sync::Arc;

use super::checks;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
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
        let shape = request.operands[0].shape.clone();
        let variant = Variant {
            kernel: &ACTIVATION,
            constants: vec![("KIND", number(self.activation))],
            tile: None,
            bindings: vec![Binding::Operand(0)],
            dispatch: Arc::new(move |sizes| {
                let count = shape.elements(sizes);
                Dispatch::new(
                    count.div_ceil(WORKGROUP_SIZE),
                    &Params {
                        count: count as u32,
                    },
                )
            }),
        };
        vec![variant.into()]
    }
}

pub(super) static ACTIVATION: Kernel = Kernel {
    name: "activation",
    wgsl: include_str!("../../shaders/activation.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["KIND"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

const WORKGROUP_SIZE: usize = 64; // as the shader has it

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    count: u32,
}
