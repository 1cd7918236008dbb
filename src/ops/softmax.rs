use std::sync::Arc;

use super::checks;
use super::row_lanes::{ROWS_OF_SUBGROUPS, add_row_subgroup, row_lanes, row_vec4};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// Softmax over the last axis: `y[r, c] = exp(x[r, c] - max_r) / sum_r`.
    ///
    /// `x` and the result: `[rows, cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let y = graph.softmax(x)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `x` is not two-dimensional.
    pub fn softmax(&mut self, x: TensorId) -> Result<TensorId> {
        self.apply(Arc::new(Softmax), &[x])
    }
}

/// `y[r, c] = exp(x[r, c] - max_r) / sum_r`
#[derive(Debug)]
struct Softmax;

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x] = checks::operands("softmax", operands)?;
        checks::rows_and_cols("softmax", "x", x)?;
        Ok(x.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::softmax(operands[0])
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (rows, cols) = (request.dims(0)[0], request.fixed(0, 1));
        let variant = |kernel, constants, rows_per_workgroup: usize| Variant {
            kernel,
            constants,
            tile: None,
            bindings: vec![Binding::Operand(0)],
            dispatch: Arc::new(move |sizes| {
                let rows = rows.resolve(sizes);
                Dispatch::new(
                    rows.div_ceil(rows_per_workgroup),
                    &Params {
                        rows: rows as u32,
                        cols: cols as u32,
                    },
                )
            }),
        };
        let capabilities = request.capabilities;
        let mut variants = vec![];
        if let Some(constants) = row_vec4(capabilities, cols) {
            variants.push(variant(&SOFTMAX_VEC4, constants, 1));
        }
        let mut constants = row_lanes(capabilities, cols);
        constants.retain(|(name, _)| *name == "WORKGROUP_SIZE"); // it reads a row three times rather than keep it
        variants.push(variant(&SOFTMAX, constants, 1));
        add_row_subgroup(&mut variants, capabilities, cols, |constants| {
            variant(&SOFTMAX_SUBGROUP, constants, ROWS_OF_SUBGROUPS)
        });
        variants.into_iter().map(Offer::from).collect()
    }
}

pub(super) static SOFTMAX: Kernel = Kernel {
    name: "softmax",
    wgsl: include_str!("../../shaders/softmax.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static SOFTMAX_SUBGROUP: Kernel = Kernel {
    name: "softmax_subgroup",
    wgsl: include_str!("../../shaders/softmax_subgroup.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["LANES", "VECTORS_PER_LANE", "SHUFFLES"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

pub(super) static SOFTMAX_VEC4: Kernel = Kernel {
    name: "softmax_vec4",
    wgsl: include_str!("../../shaders/softmax_vec4.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "VECTORS_PER_LANE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    rows: u32,
    cols: u32,
}
