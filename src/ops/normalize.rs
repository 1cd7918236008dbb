use std::sync::Arc;

use super::checks;
use super::row_lanes::{row_lanes, texture_lanes};
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Shape, Tensor};

impl Graph {
    /// Rows of length 1: `y[r, c] = x[r, c] / max(|x[r]|, 1e-12)`. What is pooled is normalised by [`Graph::pool`] itself.
    ///
    /// `x` and the result: `[rows, cols]`.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    /// let y = graph.normalize(x)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `x` is not two-dimensional.
    pub fn normalize(&mut self, x: TensorId) -> Result<TensorId> {
        self.apply(Arc::new(Normalize), &[x])
    }
}

/// `y[r, c] = x[r, c] / max(|x[r]|, 1e-12)`
#[derive(Debug)]
struct Normalize;

impl Operation for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [x] = checks::operands("normalize", operands)?;
        checks::rows_and_cols("normalize", "x", x)?;
        Ok(x.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::normalize(operands[0])
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
                let params = Params {
                    rows: rows as u32,
                    cols: cols as u32,
                };
                Dispatch::new(rows.div_ceil(rows_per_workgroup), &params)
            }),
        };
        let mut constants = row_lanes(request.capabilities, cols);
        constants.retain(|(name, _)| *name == "WORKGROUP_SIZE"); // it reads a row twice rather than keep it
        let on_buffers = variant(&NORMALIZE, constants, 1);
        let on_textures = texture_lanes(request.capabilities, cols).map(|lanes| {
            let constants = vec![("WORKGROUP_SIZE", lanes as u32)];
            variant(&NORMALIZE_TEXTURE, constants, lanes)
        });
        let variants = [on_buffers].into_iter().chain(on_textures);
        variants.map(Offer::from).collect()
    }
}

pub(super) static NORMALIZE: Kernel = Kernel {
    name: "normalize",
    wgsl: include_str!("../../shaders/normalize.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static NORMALIZE_TEXTURE: Kernel = Kernel {
    name: "normalize_texture",
    wgsl: include_str!("../../shaders/normalize_texture.wgsl"),
    bindings: &[Access::Load, Access::Store],
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    rows: u32,
    cols: u32,
}
