mod cooperative;

use std::sync::Arc;

use super::checks;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, Source, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, COOPERATIVE_MATRIX, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{DType, Dim, Shape, Sizes, Tensor};

impl Graph {
    /// Scaled dot-product attention within each sequence; every token attends to all tokens of its own:
    /// `y[q, h * head_dim + d] = sum over keys of softmax(scale * query[h, q] · key[h, key]) * value[h, key, d]`.
    ///
    /// `qkv`: query, key and value, `[3, heads, tokens, head_dim]`, as [`Graph::qkv_linear`] gives them;
    /// `segment_offsets`: `[sequences + 1]`; the result: `[tokens, heads * head_dim]`. head_dim is at most 256.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let qkv = graph.input("qkv", [Dim::Fixed(3), Dim::Fixed(2), Dim::Tokens, Dim::Fixed(4)]);
    /// let segment_offsets = graph.segment_offsets();
    /// let y = graph.attention(qkv, segment_offsets, 0.5)?; // 1 / sqrt(head_dim)
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn attention(
        &mut self,
        qkv: TensorId,
        segment_offsets: TensorId,
        scale: f32,
    ) -> Result<TensorId> {
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
            [
                Dim::Fixed(3),
                Dim::Fixed(heads),
                Dim::Tokens,
                Dim::Fixed(head_dim),
            ] if heads > 0
                && (1..=MAX_HEAD_DIM).contains(&head_dim)
                && qkv.dtype == DType::F32
                && qkv.source != Source::Parameter =>
            {
                Ok([Dim::Tokens, Dim::Fixed(heads * head_dim)].into())
            }
            _ => Err(checks::error(
                self.name(),
                format!(
                    "qkv must be [3, heads, tokens, head_dim] with head_dim 1 to {MAX_HEAD_DIM}, is {}",
                    qkv.shape
                ),
            )),
        }
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        reference::attention(operands[0], operands[1], self.scale)
    }

    /// As if all sequences were as long as the longest.
    fn work(&self, _operands: &[Vec<usize>], result: &[usize], sizes: &Sizes) -> f64 {
        4.0 * sizes.longest as f64 * result.iter().product::<usize>() as f64
    }

    fn weighs_in_f16(&self) -> bool {
        true
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (heads, head_dim) = (request.fixed(0, 1), request.fixed(0, 3));
        let mut offers = vec![portable(heads, head_dim, self.scale).into()];
        let place = usize::from(!cooperative::are_better(request));
        let cooperative = cooperative::offers(request, heads, head_dim, self.scale);
        offers.splice(place..place, cooperative);
        offers.extend(texture(request, heads, head_dim, self.scale).map(Offer::from));
        offers
    }
}

/// Queries and keys of a workgroup's tiles, the same for every vendor.
///
/// Small tiles, so that a short text wastes little: 64 lanes with 4 x 4 scores each. Of the result a lane then holds
/// head_dim / 32 vectors for each of its queries, which may be 3, rounded up from near by: for other heads twice or
/// four times as many keys, and so lanes to a query, keep it to 2, or dg2 spills and M1 has 384 threads left.
/// Figures in docs/performance.md, other shapes in docs/rejected-optimizations.md.
fn tiles(head_dim: usize) -> (usize, usize) {
    match head_dim.div_ceil(4) {
        ..=8 | 16..=24 => (32, 32),
        ..=32 => (32, 64),
        _ => (16, 128),
    }
}

fn portable(heads: usize, head_dim: usize, scale: f32) -> Variant {
    let (query_tile, key_tile) = tiles(head_dim);
    Variant {
        kernel: &ATTENTION,
        constants: vec![
            ("HEAD_DIM", head_dim as u32),
            ("QUERY_TILE", query_tile as u32),
            ("KEY_TILE", key_tile as u32),
        ],
        bindings: bindings(),
        tile: None,
        dispatch: dispatch(query_tile, heads, scale),
    }
}

/// Of the kernels on buffers.
fn bindings() -> Vec<Binding> {
    vec![
        Binding::Operand(0),
        Binding::Operand(0), // as vectors
        Binding::Operand(1),
    ]
}

/// One workgroup per sequence, tile of queries and head.
fn dispatch(
    query_tile: usize,
    heads: usize,
    scale: f32,
) -> Arc<dyn Fn(&Sizes) -> Dispatch + Send + Sync> {
    Arc::new(move |sizes: &Sizes| {
        let query_tiles = sizes.longest.div_ceil(query_tile);
        let params = Params {
            tokens: sizes.tokens as u32,
            sequences: sizes.sequences as u32,
            heads: heads as u32,
            query_tiles: query_tiles as u32,
            scale,
        };
        Dispatch::new(sizes.sequences * query_tiles * heads, &params)
    })
}

fn texture(request: &Request<'_>, heads: usize, head_dim: usize, scale: f32) -> Option<Variant> {
    let lanes = request.capabilities.subgroup_size()? as usize;
    let largest = request.capabilities.limits.max_texture_dimension_2d as usize;
    if !head_dim.is_multiple_of(4)
        || head_dim > 128
        || 3 * heads * head_dim / 4 > largest
        || !32_usize.is_multiple_of(lanes)
    {
        return None;
    }
    // More queries share each load of a key or a value; fewer compile faster: 32 of 32 columns take twice as long as 16,
    // and gain 2%.
    let rows = if head_dim <= 96 { 16 } else { 8 };
    let rows = usize::next_multiple_of(rows, lanes);
    Some(Variant {
        kernel: &ATTENTION_TEXTURE,
        constants: vec![
            ("HEAD_DIM", head_dim as u32),
            ("LANES", lanes as u32),
            ("ROWS", rows as u32),
        ],
        tile: None,
        bindings: vec![Binding::Operand(0), Binding::Operand(1)],
        dispatch: Arc::new(move |sizes: &Sizes| {
            let query_tiles = sizes.longest.div_ceil(rows);
            let params = TextureParams {
                sequences: sizes.sequences as u32,
                heads: heads as u32,
                query_tiles: query_tiles as u32,
                scale,
            };
            Dispatch::new(sizes.sequences * query_tiles * heads, &params)
        }),
    })
}

/// qkv, the same as vectors, segment offsets, y.
const BINDINGS: &[Access] = &[Access::Read, Access::Read, Access::Read, Access::ReadWrite];

pub(super) static ATTENTION: Kernel = Kernel {
    name: "attention",
    wgsl: include_str!("../../shaders/attention.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["HEAD_DIM", "QUERY_TILE", "KEY_TILE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static ATTENTION_COOPERATIVE_8: Kernel = Kernel {
    name: "attention_cooperative_8",
    wgsl: include_str!("../../shaders/attention_cooperative_8.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["HEAD_DIM", "WORKGROUP_SIZE"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(8),
};

pub(super) static ATTENTION_COOPERATIVE_16: Kernel = Kernel {
    name: "attention_cooperative_16",
    wgsl: include_str!("../../shaders/attention_cooperative_16.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["HEAD_DIM", "WORKGROUP_SIZE"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(16),
};

pub(super) static ATTENTION_TEXTURE: Kernel = Kernel {
    name: "attention_texture",
    wgsl: include_str!("../../shaders/attention_texture.wgsl"),
    bindings: &[Access::Load, Access::Read, Access::Store],
    params_size: size_of::<TextureParams>(),
    constants: &["HEAD_DIM", "LANES", "ROWS"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
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

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct TextureParams {
    sequences: u32,
    heads: u32,
    query_tiles: u32,
    scale: f32,
}
