mod cooperative;
mod options;

use std::sync::Arc;

pub use options::AttentionOptions;

use super::checks;
use crate::error::Result;
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, COOPERATIVE_MATRIX, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Sizes, Tensor};

impl Graph {
    /// Scaled dot-product attention within each sequence; every token attends to the tokens of its own, all of them,
    /// those within a window or none behind it, or of another ([`AttentionOptions::expanded`]):
    /// `y[q, h * head_dim + d] = sum over keys of softmax(scale * query[h, q] · key[h, key] + bias) * value[h, key, d]`,
    /// where the bias, if there is one, is of the head and of how far the key is from the query ([`AttentionOptions`]).
    ///
    /// `qkv`: query, key and value, `[3, heads, tokens, head_dim]`, as [`Graph::qkv_linear`] gives them;
    /// `segment_offsets`: `[sequences + 1]`; the result: `[tokens, heads * head_dim]`. head_dim is at most 256.
    ///
    /// ```
    /// # use wgformer::{Graph, ops::AttentionOptions, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let qkv = graph.input("qkv", [Dim::Fixed(3), Dim::Fixed(2), Dim::Tokens, Dim::Fixed(4)]);
    /// let segment_offsets = graph.segment_offsets();
    /// let y = graph.attention(qkv, segment_offsets, AttentionOptions::new(0.5))?; // 1 / sqrt(head_dim)
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
        options: AttentionOptions,
    ) -> Result<TensorId> {
        let AttentionOptions {
            scale,
            window,
            bias,
            expanded,
            causal,
        } = options;
        let operation = Attention {
            scale,
            window,
            bias: bias.is_some(),
            expanded,
            causal,
        };
        let operands: Vec<TensorId> = [qkv, segment_offsets].into_iter().chain(bias).collect();
        self.apply(Arc::new(operation), &operands)
    }
}

/// Attention within each sequence; operands: qkv, segment offsets, bias if there is one.
#[derive(Debug)]
struct Attention {
    scale: f32,
    window: Option<usize>,
    bias: bool,
    expanded: bool,
    causal: bool,
}

/// The largest head that the kernels hold in registers.
pub(super) const MAX_HEAD_DIM: usize = 256;

impl Operation for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let (qkv, segment_offsets, bias) = if self.bias {
            let [qkv, segment_offsets, bias] = checks::operands(self.name(), operands)?;
            (qkv, segment_offsets, Some(bias))
        } else {
            let [qkv, segment_offsets] = checks::operands(self.name(), operands)?;
            (qkv, segment_offsets, None)
        };
        checks::segments(self.name(), segment_offsets)?;
        let (heads, head_dim) = checks::heads(self.name(), qkv)?;
        if head_dim > MAX_HEAD_DIM {
            let message = format!("head_dim must be at most {MAX_HEAD_DIM}, is {head_dim}");
            return Err(checks::error(self.name(), message));
        }
        if let Some(bias) = bias {
            check_bias(self.name(), bias, heads)?;
        }
        Ok([Dim::Tokens, Dim::Fixed(heads * head_dim)].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let bias = operands.get(2).copied();
        let (qkv, segment_offsets) = (operands[0], operands[1]);
        reference::attention(
            qkv,
            segment_offsets,
            self.scale,
            self.window,
            bias,
            self.expanded,
            self.causal,
        )
    }

    /// As if all sequences were as long as the longest.
    fn flops(&self, _operands: &[Vec<usize>], result: &[usize], sizes: &Sizes) -> Option<f64> {
        let sides = if self.causal { 1 } else { 2 };
        let seen = self
            .window
            .map(|window| window.saturating_mul(sides).saturating_add(1));
        let keys = seen.unwrap_or(usize::MAX).min(sizes.longest);
        Some(4.0 * keys as f64 * result.iter().product::<usize>() as f64)
    }

    fn weighs_in_f16(&self) -> bool {
        true
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (heads, head_dim) = (request.fixed(0, 1), request.fixed(0, 3));
        let mut offers = vec![self.portable(request, heads, head_dim).into()];
        if self.window.is_none() && !self.bias && !self.expanded {
            let place = usize::from(!cooperative::are_better(request));
            let cooperative =
                cooperative::offers(request, heads, head_dim, self.scale, self.causal);
            offers.splice(place..place, cooperative);
        }
        offers.extend(self.texture(request, heads, head_dim).map(Offer::from));
        offers
    }
}

fn check_bias(operation: &'static str, bias: &TensorInfo, heads: usize) -> Result<()> {
    let (rows, cols) = checks::matrix(operation, "bias", bias)?;
    if rows == heads && cols % 2 == 1 {
        return Ok(());
    }
    let message = format!(
        "bias must be [heads, 2 * reach + 1], is {} for {heads} heads",
        bias.shape
    );
    Err(checks::error(operation, message))
}

/// Queries and keys of a workgroup's tiles, the same for every vendor.
///
/// Small tiles, so that a short text wastes little: 64 lanes with 4 x 4 scores each. Of the result a lane then holds
/// head_dim / 32 vectors for each of its queries, which may be 3, rounded up from near by: for other heads twice or
/// four times as many keys, and so lanes to a query, keep it to 2, or dg2 spills and M1 has 384 threads left. Where scores
/// are masked or biased, that takes registers too, and 3 are too many.
/// Figures in docs/performance.md, other shapes in docs/rejected-optimizations.md.
pub(super) fn tiles(head_dim: usize, by_distance: bool) -> (usize, usize) {
    match head_dim.div_ceil(4) {
        ..=8 => (32, 32),
        16..=24 if !by_distance => (32, 32),
        9..=32 => (32, 64),
        _ => (16, 128),
    }
}

impl Attention {
    fn portable(&self, request: &Request<'_>, heads: usize, head_dim: usize) -> Variant {
        let by_distance = self.window.is_some() || self.bias || self.causal;
        let (query_tile, key_tile) = tiles(head_dim, by_distance);
        let (scale, window, reach) = (self.scale, self.window, self.reach(request));
        let mut constants = vec![
            ("HEAD_DIM", head_dim as u32),
            ("QUERY_TILE", query_tile as u32),
            ("KEY_TILE", key_tile as u32),
        ];
        constants.extend(self.switches());
        Variant {
            kernel: &ATTENTION,
            constants,
            bindings: self.bindings(),
            tile: None,
            dispatch: Arc::new(move |sizes: &Sizes| {
                let query_tiles = sizes.longest.div_ceil(query_tile);
                let params = Params {
                    tokens: sizes.tokens as u32,
                    sequences: sizes.sequences as u32,
                    heads: heads as u32,
                    query_tiles: query_tiles as u32,
                    scale,
                    window: within(window, sizes),
                    reach,
                };
                Dispatch::new(sizes.sequences * query_tiles * heads, &params)
            }),
        }
    }

    fn texture(&self, request: &Request<'_>, heads: usize, head_dim: usize) -> Option<Variant> {
        let lanes = request.capabilities.subgroup_size()? as usize;
        let largest = request.capabilities.limits.max_texture_dimension_2d as usize;
        let (scale, window, reach) = (self.scale, self.window, self.reach(request));
        if !head_dim.is_multiple_of(4)
            || head_dim > 128
            || 3 * heads * head_dim / 4 > largest
            || (2 * reach as usize + 1).div_ceil(4) > largest
            || !32_usize.is_multiple_of(lanes)
        {
            return None;
        }
        // More queries share each load of a key or a value; fewer compile faster: with 8 lanes 32 queries of 32 columns take
        // twice as long as 16, and gain 2%. With 16 lanes one query to a lane has 57 GFLOP/s, two have 94.
        let rows = if head_dim <= 96 {
            usize::max(16, 2 * lanes)
        } else {
            usize::next_multiple_of(8, lanes)
        };
        let mut constants = vec![
            ("HEAD_DIM", head_dim as u32),
            ("LANES", lanes as u32),
            ("ROWS", rows as u32),
        ];
        constants.extend(self.switches());
        Some(Variant {
            kernel: &ATTENTION_TEXTURE,
            constants,
            tile: None,
            bindings: self.bindings(),
            dispatch: Arc::new(move |sizes: &Sizes| {
                let query_tiles = sizes.longest.div_ceil(rows);
                let params = TextureParams {
                    sequences: sizes.sequences as u32,
                    heads: heads as u32,
                    query_tiles: query_tiles as u32,
                    scale,
                    window: within(window, sizes),
                    reach,
                };
                Dispatch::new(sizes.sequences * query_tiles * heads, &params)
            }),
        })
    }

    fn switches(&self) -> [(&'static str, u32); 4] {
        [
            ("WINDOW", u32::from(self.window.is_some())),
            ("BIAS", u32::from(self.bias)),
            ("EXPANDED", u32::from(self.expanded)),
            ("CAUSAL", u32::from(self.causal)),
        ]
    }

    fn bindings(&self) -> Vec<Binding> {
        let bias = if self.bias {
            Binding::Small(vec![2])
        } else {
            Binding::Operand(0) // which is read elsewhere
        };
        vec![Binding::Operand(0), Binding::Operand(1), bias]
    }

    /// How far a key is away at most before it has the bias of those that are nearer; 0 without one.
    fn reach(&self, request: &Request<'_>) -> u32 {
        if self.bias {
            (request.fixed(2, 1) / 2) as u32
        } else {
            0
        }
    }
}

/// The window as a kernel has it, which may add it to places of tokens: no wider than there are any. (What expands a
/// sequence is further from its keys than a sequence is long.)
fn within(window: Option<usize>, sizes: &Sizes) -> u32 {
    window.unwrap_or(0).min(sizes.tokens) as u32
}

pub(super) static ATTENTION: Kernel = Kernel {
    name: "attention",
    wgsl: include_str!("../../shaders/attention.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[
        "HEAD_DIM",
        "QUERY_TILE",
        "KEY_TILE",
        "WINDOW",
        "BIAS",
        "EXPANDED",
        "CAUSAL",
    ],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static ATTENTION_COOPERATIVE_8: Kernel = Kernel {
    name: "attention_cooperative_8",
    wgsl: include_str!("../../shaders/attention_cooperative_8.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<CooperativeParams>(),
    constants: &["HEAD_DIM", "WORKGROUP_SIZE", "CAUSAL"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(8),
};

pub(super) static ATTENTION_COOPERATIVE_16: Kernel = Kernel {
    name: "attention_cooperative_16",
    wgsl: include_str!("../../shaders/attention_cooperative_16.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<CooperativeParams>(),
    constants: &["HEAD_DIM", "WORKGROUP_SIZE", "CAUSAL"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(16),
};

pub(super) static ATTENTION_TEXTURE: Kernel = Kernel {
    name: "attention_texture",
    wgsl: include_str!("../../shaders/attention_texture.wgsl"),
    bindings: &[Access::Load, Access::Read, Access::Load, Access::Store],
    params_size: size_of::<TextureParams>(),
    constants: &[
        "HEAD_DIM", "LANES", "ROWS", "WINDOW", "BIAS", "EXPANDED", "CAUSAL",
    ],
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
    window: u32,
    reach: u32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct CooperativeParams {
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
    window: u32,
    reach: u32,
}
