use std::sync::Arc;

use super::checks;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// The Gaussian error linear unit in its erf form: `y[i] = x[i] / 2 * (1 + erf(x[i] / sqrt(2)))`.
    ///
    /// `x` and the result: `[rows, cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let y = graph.gelu(x)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `x` is not two-dimensional.
    pub fn gelu(&mut self, x: TensorId) -> Result<TensorId> {
        self.apply(Arc::new(Gelu), &[x])
    }
}

/// `y[i] = x[i] / 2 * (1 + erf(x[i] / sqrt(2)))`
#[derive(Debug)]
pub(super) struct Gelu;

impl Operation for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x] = checks::operands("gelu", operands)?;
        checks::rows_and_cols("gelu", "x", x)?;
        Ok(x.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::gelu(operands[0])
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let shape = request.operands[0].shape.clone();
        let variant = Variant {
            kernel: &GELU,
            constants: vec![],
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

pub(super) static GELU: Kernel = Kernel {
    name: "gelu",
    wgsl: include_str!("../../shaders/gelu.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

const WORKGROUP_SIZE: usize = 64; // as the shader has it

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    count: u32,
}
