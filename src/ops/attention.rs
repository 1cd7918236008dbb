use std::sync::Arc;

use super::checks;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Sizes, Tensor};

impl Graph {
    /// Scaled dot-product attention within each sequence; every token attends to all tokens of its own:
    /// `y[q, h * head_dim + d] = sum over keys of softmax(scale * query[h, q] · key[h, key]) * value[h, key, d]`.
    ///
    /// `qkv`: query, key and value, `[3, heads, tokens, head_dim]`, as [`Graph::qkv_linear`] gives them;
    /// `segment_offsets`: `[sequences + 1]`; the result: `[tokens, heads * head_dim]`. head_dim is at most 256.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn attention(&mut self, qkv: TensorId, segment_offsets: TensorId, scale: f32) -> Result<TensorId> {
        self.apply(Arc::new(Attention { scale }), &[qkv, segment_offsets])
    }
}

/// Attention within each sequence.
#[derive(Debug)]
struct Attention {
    scale: f32,
}

/// The largest head that the kernels hold in registers.
const MAX_HEAD_DIM: usize = 256;

impl Operation for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [qkv, segment_offsets] = checks::operands(self.name(), operands)?;
        checks::segments(self.name(), segment_offsets)?;
        match *qkv.shape.dims() {
            [Dim::Fixed(3), Dim::Fixed(heads), Dim::Tokens, Dim::Fixed(head_dim)]
                if heads > 0 && (1..=MAX_HEAD_DIM).contains(&head_dim) =>
            {
                Ok([Dim::Tokens, Dim::Fixed(heads * head_dim)].into())
            }
            _ => Err(checks::error(
                self.name(),
                format!("qkv must be [3, heads, tokens, head_dim] with head_dim 1 to {MAX_HEAD_DIM}, is {}", qkv.shape),
            )),
        }
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::attention(operands[0], operands[1], self.scale)
    }

    fn variants(&self, request: &Request<'_>) -> Vec<Variant> {
        let (heads, head_dim) = (request.fixed(0, 1), request.fixed(0, 3));
        let mut variants = vec![portable(heads, head_dim, self.scale)];
        if let Some(lanes) = request.capabilities.subgroup_size()
            && head_dim % 4 == 0
            && lanes <= MAX_LANES
        {
            variants.push(subgroup(heads, head_dim, lanes, self.scale));
        }
        variants
    }
}

fn portable(heads: usize, head_dim: usize, scale: f32) -> Variant {
    // Key and value tiles of 4 KiB each up to head_dim 64, 8 KiB each beyond: both fit the default 16 KiB.
    let key_tile = if head_dim <= 128 { 16 } else { 8 };
    let constants = vec![("HEAD_DIM", head_dim as u32), ("KEY_TILE", key_tile)];
    variant(&ATTENTION, constants, 64, heads, scale)
}

/// The widest subgroup that the register tile is made for: software adapters have 4 to 16 lanes.
const MAX_LANES: u32 = 16;

fn subgroup(heads: usize, head_dim: usize, lanes: u32, scale: f32) -> Variant {
    // More queries share each load of a key or a value, as long as query and context take 32 vectors each: the
    // compilers unroll it all, and lavapipe needs minutes for four times as much.
    let rows = 32 / (head_dim as u32 / 4).div_ceil(lanes);
    let constants = vec![("HEAD_DIM", head_dim as u32), ("LANES", lanes), ("ROWS", rows)];
    variant(&ATTENTION_SUBGROUP, constants, rows as usize, heads, scale)
}

fn variant(
    kernel: &'static Kernel,
    constants: Vec<(&'static str, u32)>,
    query_tile: usize,
    heads: usize,
    scale: f32,
) -> Variant {
    Variant {
        kernel,
        constants,
        bindings: vec![Binding::Operand(0), Binding::Operand(1)],
        dispatch: Arc::new(move |sizes: &Sizes| {
            let query_tiles = sizes.longest.div_ceil(query_tile);
            let params = Params {
                tokens: sizes.tokens as u32,
                sequences: sizes.sequences as u32,
                heads: heads as u32,
                query_tiles: query_tiles as u32,
                scale,
            };
            Dispatch::new(sizes.sequences * query_tiles * heads, &params)
        }),
    }
}

pub(super) static ATTENTION: Kernel = Kernel {
    name: "attention",
    wgsl: include_str!("../../shaders/attention.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["HEAD_DIM", "KEY_TILE"],
    features: wgpu::Features::empty(),
};

pub(super) static ATTENTION_SUBGROUP: Kernel = Kernel {
    name: "attention_subgroup",
    wgsl: include_str!("../../shaders/attention_subgroup.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["HEAD_DIM", "LANES", "ROWS"],
    features: wgpu::Features::SUBGROUP,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    tokens: u32,
    sequences: u32,
    heads: u32,
    query_tiles: u32,
    scale: f32,
}
