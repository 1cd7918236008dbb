use std::sync::Arc;

use super::attention::{MAX_HEAD_DIM, tiles};
use super::checks;
use crate::error::Result;
use crate::gpu::{Capabilities, Vendor};
use crate::graph::{Graph, Operation, Request, TensorId, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Offer, Variant};
use crate::reference;
use crate::tensor::{Dim, Shape, Sizes, Tensor};

impl Graph {
    /// Attention in which a score depends on where key and query are to each other as well as on what they are (He and
    /// others, 2021): [`Graph::attention`] to all keys of a query's sequence, with
    /// `score(query, key) = scale * (query[h, q] · key[h, k] + query[h, q] · position_keys[d, h] + position_queries[d, h] · key[h, k])`,
    /// where `d = clamp(k - q, -reach, reach) + reach`.
    ///
    /// `qkv`: query, key and value, `[3, heads, tokens, head_dim]`, as [`Graph::qkv_linear`] gives them;
    /// `segment_offsets`: `[sequences + 1]`; `positions`: keys and queries of positions, parameters of
    /// `[2 * reach + 1, heads * head_dim]` each; the result: `[tokens, heads * head_dim]`. head_dim is at most 256.
    ///
    /// ```
    /// # use wgformer::{Graph, tensor::Dim};
    /// # let mut graph = Graph::new();
    /// let qkv = graph.input("qkv", [Dim::Fixed(3), Dim::Fixed(2), Dim::Tokens, Dim::Fixed(4)]);
    /// let segment_offsets = graph.segment_offsets();
    /// let positions = ["keys", "queries"].map(|name| graph.parameter(name, [15, 8])); // up to 7 places away
    /// let scale = 1.0 / (3.0 * 4.0_f32).sqrt(); // three terms of head_dim products each
    /// let y = graph.disentangled_attention(qkv, segment_offsets, positions, scale)?;
    /// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 8]");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if they do not fit together.
    pub fn disentangled_attention(
        &mut self,
        qkv: TensorId,
        segment_offsets: TensorId,
        positions: [TensorId; 2],
        scale: f32,
    ) -> Result<TensorId> {
        let [keys, queries] = positions;
        let operation = DisentangledAttention { scale };
        self.apply(Arc::new(operation), &[qkv, segment_offsets, keys, queries])
    }
}

/// Operands: qkv, segment offsets, position keys, position queries.
#[derive(Debug)]
struct DisentangledAttention {
    scale: f32,
}

impl Operation for DisentangledAttention {
    fn name(&self) -> &'static str {
        "disentangled_attention"
    }

    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape> {
        let [qkv, segment_offsets, keys, queries] = checks::operands(self.name(), operands)?;
        checks::segments(self.name(), segment_offsets)?;
        let (heads, head_dim) = checks::heads(self.name(), qkv)?;
        if head_dim > MAX_HEAD_DIM {
            let message = format!("head_dim must be at most {MAX_HEAD_DIM}, is {head_dim}");
            return Err(checks::error(self.name(), message));
        }
        let (entries, cols) = checks::matrix(self.name(), "position keys", keys)?;
        if entries % 2 == 0 || cols != heads * head_dim {
            let message = format!(
                "position keys must be [2 * reach + 1, heads * head_dim], is {} for {heads} heads of {head_dim}",
                keys.shape
            );
            return Err(checks::error(self.name(), message));
        }
        checks::matrix(self.name(), "position queries", queries)?;
        checks::same_shape(
            self.name(),
            ("position keys", keys),
            ("position queries", queries),
        )?;
        Ok([Dim::Tokens, Dim::Fixed(heads * head_dim)].into())
    }

    fn reference(&self, operands: &[&Tensor]) -> Tensor {
        let positions = [operands[2], operands[3]];
        reference::disentangled_attention(operands[0], operands[1], positions, self.scale)
    }

    /// As if all sequences were as long as the longest: three products for a score, and one for its value.
    fn flops(&self, _operands: &[Vec<usize>], result: &[usize], sizes: &Sizes) -> Option<f64> {
        Some(8.0 * sizes.longest as f64 * result.iter().product::<usize>() as f64)
    }

    fn offers(&self, request: &Request<'_>) -> Vec<Offer> {
        let (heads, head_dim) = (request.fixed(0, 1), request.fixed(0, 3));
        let reach = (request.fixed(2, 0) / 2) as u32;
        let tiles = of_tiles(request.capabilities, head_dim);
        let is_choice = tiles.len() > 1;
        let portable = tiles.into_iter().map(|tile| Variant {
            tile: is_choice.then_some(tile),
            ..self.portable(tile, heads, head_dim, reach)
        });
        let texture = self.texture(request, heads, head_dim, reach);
        portable.chain(texture).map(Offer::from).collect()
    }
}

/// Tiles of queries and keys, the best first: attention's, and for heads of more than 64 columns one of fewer queries and
/// more keys, in which a lane has one vector of the result for each of its queries rather than two: Apple's chips have room
/// for 512 threads so, and for 448 else. So may others that nobody has figures of. Figures in docs/performance.md.
fn of_tiles(capabilities: &Capabilities, head_dim: usize) -> Vec<Tile> {
    let (query_tile, key_tile) = tiles(head_dim, true);
    let room = capabilities.limits.max_compute_workgroup_storage_size;
    let mut tiles = vec![[query_tile, key_tile]];
    match head_dim {
        ..=64 => {}
        65..=128 => tiles.push([16, 128]),
        _ if room >= 16 << 10 => tiles.push([8, 256]),
        _ => {}
    }
    match Vendor::of(capabilities) {
        Vendor::Apple => tiles.reverse(),
        Vendor::Other if !capabilities.is_software() => tiles.reverse(),
        _ => {}
    }
    tiles
}

/// Queries and keys.
type Tile = [usize; 2];

impl DisentangledAttention {
    fn portable(&self, tile: Tile, heads: usize, head_dim: usize, reach: u32) -> Variant {
        let [query_tile, key_tile] = tile;
        let scale = self.scale;
        Variant {
            kernel: &DISENTANGLED_ATTENTION,
            constants: vec![
                ("HEAD_DIM", head_dim as u32),
                ("QUERY_TILE", query_tile as u32),
                ("KEY_TILE", key_tile as u32),
            ],
            bindings: bindings(),
            tile: None,
            dispatch: Arc::new(move |sizes: &Sizes| {
                let query_tiles = sizes.longest.div_ceil(query_tile);
                let params = Params {
                    tokens: sizes.tokens as u32,
                    sequences: sizes.sequences as u32,
                    heads: heads as u32,
                    query_tiles: query_tiles as u32,
                    scale,
                    reach,
                };
                Dispatch::new(sizes.sequences * query_tiles * heads, &params)
            }),
        }
    }

    fn texture(
        &self,
        request: &Request<'_>,
        heads: usize,
        head_dim: usize,
        reach: u32,
    ) -> Option<Variant> {
        let lanes = request.capabilities.subgroup_size()? as usize;
        let largest = request.capabilities.limits.max_texture_dimension_2d as usize;
        if !head_dim.is_multiple_of(4)
            || head_dim > 128
            || 3 * heads * head_dim / 4 > largest
            || 2 * (2 * reach as usize + 1) > largest
            || !32_usize.is_multiple_of(lanes)
        {
            return None;
        }
        let scale = self.scale;
        Some(Variant {
            kernel: &DISENTANGLED_ATTENTION_TEXTURE,
            constants: vec![("HEAD_DIM", head_dim as u32), ("LANES", lanes as u32)],
            tile: None,
            bindings: bindings(),
            dispatch: Arc::new(move |sizes: &Sizes| {
                let query_tiles = sizes.longest.div_ceil(lanes);
                let params = TextureParams {
                    sequences: sizes.sequences as u32,
                    heads: heads as u32,
                    query_tiles: query_tiles as u32,
                    scale,
                    reach,
                };
                Dispatch::new(sizes.sequences * query_tiles * heads, &params)
            }),
        })
    }
}

fn bindings() -> Vec<Binding> {
    vec![
        Binding::Operand(0),
        Binding::Operand(1),
        Binding::Small(vec![2, 3]),
    ]
}

pub(super) static DISENTANGLED_ATTENTION: Kernel = Kernel {
    name: "disentangled_attention",
    wgsl: include_str!("../../shaders/disentangled_attention.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["HEAD_DIM", "QUERY_TILE", "KEY_TILE"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static DISENTANGLED_ATTENTION_TEXTURE: Kernel = Kernel {
    name: "disentangled_attention_texture",
    wgsl: include_str!("../../shaders/disentangled_attention_texture.wgsl"),
    bindings: &[Access::Load, Access::Read, Access::Load, Access::Store],
    params_size: size_of::<TextureParams>(),
    constants: &["HEAD_DIM", "LANES"],
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
    reach: u32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct TextureParams {
    sequences: u32,
    heads: u32,
    query_tiles: u32,
    scale: f32,
    reach: u32,
}
