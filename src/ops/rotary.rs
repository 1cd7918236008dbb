use std::sync::Arc;

use super::checks;
use super::row_lanes::texture_lanes;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Tensor};

impl Graph {
    /// Rotary position embedding (Su and others, 2021): elements of query and key are turned, in pairs, by angles that
    /// grow with the token's position. A row's element d is paired with d + r / 2, as Hugging Face's `rotate_half` does;
    /// for d < r / 2, with the cosine c and the sine s of position and d:
    /// `y[d] = x[d] * c - x[d + r / 2] * s; y[d + r / 2] = x[d + r / 2] * c + x[d] * s`.
    /// Values, and what of a row lies past r, are copied.
    ///
    /// `qkv` and the result: query, key and value, `[3, heads, tokens, head_dim]`; `positions`: `[tokens]`; `table`:
    /// `[max_positions, r]`, of each position for each d a cosine, then a sine; r is even, and at most head_dim. The table
    /// stays on the host, and each run brings the rows of its positions ([`crate::graph::Source::Rows`]).
    ///
    /// A plan does it in the kernel of the [`Graph::qkv_linear`] before it.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let qkv = graph.input("qkv", [Dim::Fixed(3), Dim::Fixed(2), Dim::Tokens, Dim::Fixed(8)]);
    /// let positions = graph.ids("positions", 24);
    /// let table = graph.parameter("cosines and sines", [24, 8]);
    /// let y = graph.rotary(qkv, positions, table)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[3, 2, tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together, or a position could be out of the table.
    pub fn rotary(
        &mut self,
        qkv: TensorId,
        positions: TensorId,
        table: TensorId,
    ) -> Result<TensorId> {
        let operands = self.operands("rotary", &[positions, table])?;
        let (max_positions, _) = checks::matrix("rotary", "table", operands[1])?;
        checks::indices("rotary", "positions", operands[0], max_positions)?;
        let rotations = self.table_rows(table, positions);
        self.apply(Arc::new(Rotary), &[qkv, rotations])
    }
}

/// Rotary position embedding; operands: query, key and value, and the rotations of each token.
#[derive(Debug)]
pub(super) struct Rotary;

impl Operation for Rotary {
    fn name(&self) -> &'static str {
        "rotary"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [qkv, rotations] = checks::operands(self.name(), operands)?;
        let (_, head_dim) = checks::heads(self.name(), qkv)?;
        check(self.name(), rotations, head_dim)?;
        Ok(qkv.shape.clone())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::rotary(operands[0], operands[1])
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let mut variants = vec![portable(request)];
        variants.extend(texture(request));
        variants.into_iter().map(Offer::from).collect()
    }
}

/// That rotations fit rows of `head_dim` elements.
pub(super) fn check(
    operation: &'static str,
    rotations: &TensorInfo,
    head_dim: usize,
) -> Result<()> {
    let (rows, rotated) = checks::rows_and_cols(operation, "rotations", rotations)?;
    if rows != Dim::Tokens || rotated % 2 == 1 || rotated > head_dim {
        let message = format!(
            "rotations must have an even number of columns, at most the head's {head_dim}, are {}",
            rotations.shape
        );
        return Err(checks::error(operation, message));
    }
    Ok(())
}

fn portable(request: &Request<'_>) -> Variant {
    let (heads, head_dim) = (request.fixed(0, 1), request.fixed(0, 3));
    let rotated = request.fixed(1, 1);
    Variant {
        kernel: &ROTARY,
        constants: vec![],
        tile: None,
        bindings: vec![Binding::Operand(0), Binding::Operand(1)],
        dispatch: Arc::new(move |sizes| {
            let count = 3 * heads * sizes.tokens * head_dim;
            let params = Params {
                count: count as u32,
                heads: heads as u32,
                tokens: sizes.tokens as u32,
                head_dim: head_dim as u32,
                rotated: rotated as u32,
            };
            Dispatch::new(count.div_ceil(WORKGROUP_SIZE), &params)
        }),
    }
}

fn texture(request: &Request<'_>) -> Option<Variant> {
    let (heads, head_dim) = (request.fixed(0, 1), request.fixed(0, 3));
    let rotated = request.fixed(1, 1);
    let lanes = texture_lanes(request.capabilities, 3 * heads * head_dim)?;
    if !head_dim.is_multiple_of(4) || !rotated.is_multiple_of(8) {
        return None;
    }
    Some(Variant {
        kernel: &ROTARY_TEXTURE,
        constants: vec![("WORKGROUP_SIZE", lanes as u32)],
        tile: None,
        bindings: vec![Binding::Operand(0), Binding::Operand(1)],
        dispatch: Arc::new(move |sizes| {
            let params = TextureParams {
                tokens: sizes.tokens as u32,
                heads: heads as u32,
                head_dim: head_dim as u32,
                rotated: rotated as u32,
            };
            Dispatch::new(3 * heads * sizes.tokens.div_ceil(lanes), &params)
        }),
    })
}

pub(super) static ROTARY: Kernel = Kernel {
    name: "rotary",
    wgsl: include_str!("../../shaders/rotary.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

const WORKGROUP_SIZE: usize = 64; // as the shader has it

pub(super) static ROTARY_TEXTURE: Kernel = Kernel {
    name: "rotary_texture",
    wgsl: include_str!("../../shaders/rotary_texture.wgsl"),
    bindings: &[Access::Load, Access::Load, Access::Store],
    params_size: size_of::<TextureParams>(),
    constants: &["WORKGROUP_SIZE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    count: u32,
    heads: u32,
    tokens: u32,
    head_dim: u32,
    rotated: u32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct TextureParams {
    tokens: u32,
    heads: u32,
    head_dim: u32,
    rotated: u32,
}
