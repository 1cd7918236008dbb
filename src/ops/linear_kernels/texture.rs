use std::sync::Arc;

use super::{Problem, Projection, parameters};
use crate::graph::Request;
use crate::kernel::{Access, Binding, Dispatch, Kernel, Layout, Offer, Variant};

const VECTORS: usize = 2; // of a lane, as the shader has it
const RUN: usize = 4; // columns of a vector, which precede those that they are gates of or turned with

/// Rows of a tile, as the shader has them written out: a single short text has no more than the fewer.
const FEW_ROWS: usize = 16;
const MANY_ROWS: usize = 32;

/// One subgroup per tile, on textures, the best first. Query, key and value need no splitting there: a tensor's axes
/// before the tokens lie side by side in a row.
///
/// The epilogue is made of constants, since a software adapter runs through what a condition skips, and masks it out.
pub(super) fn offers(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Offer> {
    let few = variant(FEW_ROWS, request, projection, problem);
    let many = variant(MANY_ROWS, request, projection, problem);
    let mut offers: Vec<Offer> = match (few, many) {
        (Some(few), Some(many)) => {
            let by_rows = vec![(FEW_ROWS, few.clone()), (usize::MAX, many)];
            vec![Offer::by_rows(problem.rows, by_rows), few.into()]
        }
        (few, many) => few.into_iter().chain(many).map(Offer::from).collect(),
    };
    // Tiles of many rows load the weight half as often, for twice the sums, which AVX2 has too few registers for
    // (docs/performance.md).
    if request.capabilities.host_has_avx512() == Some(false) {
        offers.reverse();
    }
    offers
}

/// Of tiles of so many rows; `None` where they are no multiple of the lanes, or the shapes do not fit.
fn variant(
    tile_rows: usize,
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Option<Variant> {
    let Problem { rows, n, k } = *problem;
    let lanes = request.capabilities.subgroup_size()? as usize;
    let largest = request.capabilities.limits.max_texture_dimension_2d as usize;
    if !tile_rows.is_multiple_of(lanes) || n / 4 > largest || k > largest {
        return None;
    }
    let epilogue = &projection.epilogue;
    let (head_dim, rotated) = (epilogue.split_head_dim.unwrap_or(0), epilogue.rotated());
    if rotated > 0 && (head_dim % (2 * RUN) > 0 || rotated % (2 * RUN) > 0) {
        return None;
    }
    let pairs = match (epilogue.gated, rotated) {
        (true, _) => 1,
        (false, 0) => 0,
        (false, _) => 2,
    };
    let layout = Layout::Panels {
        lanes: n / 4,
        k_multiple: 4,
    };
    let parameters = parameters(request, projection, layout);
    let [weight, scales, bias] = parameters.map(|it| projection.paired(RUN, problem, it));
    let tile_columns = 4 * VECTORS * lanes;
    Some(Variant {
        kernel: &LINEAR_TEXTURE,
        constants: vec![
            ("LANES", lanes as u32),
            ("ROWS", tile_rows as u32),
            ("WEIGHT_BITS", request.weight_type.bits()),
            ("BIAS", u32::from(!projection.biases.is_empty())),
            ("ACTIVATION", epilogue.activation()),
            ("OTHER", epilogue.other()),
            ("PAIRS", pairs),
        ],
        tile: Some([tile_rows, tile_columns]),
        bindings: vec![
            Binding::Operand(0),
            weight,
            scales,
            bias,
            projection.other(),
        ],
        dispatch: Arc::new(move |sizes| {
            let m = rows.resolve(sizes);
            let params = Params {
                m: m as u32,
                n: n as u32,
                k: k as u32,
                head_dim: head_dim as u32,
                rotated: rotated as u32,
            };
            let tiles = m.div_ceil(tile_rows) * n.div_ceil(tile_columns);
            Dispatch::new(tiles, &params)
        }),
    })
}

pub(in crate::ops) static LINEAR_TEXTURE: Kernel = Kernel {
    name: "linear_texture",
    wgsl: include_str!("../../../shaders/linear_texture.wgsl"),
    bindings: &[
        Access::Load,
        Access::LoadBits,
        Access::Read,
        Access::Read,
        Access::Load,
        Access::Store,
    ],
    params_size: size_of::<Params>(),
    constants: &[
        "LANES",
        "ROWS",
        "WEIGHT_BITS",
        "BIAS",
        "ACTIVATION",
        "OTHER",
        "PAIRS",
    ],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    head_dim: u32,
    rotated: u32,
}
