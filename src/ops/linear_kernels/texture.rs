use std::sync::Arc;

use super::{Problem, Projection, parameters};
use crate::graph::Request;
use crate::kernel::{Access, Binding, Dispatch, Kernel, Layout, Offer, Variant};

const ROWS: usize = 16; // as the shader has it
const VECTORS: usize = 2; // of a lane, likewise
const RUN: usize = 4; // columns of a vector, which precede those that they are gates of or turned with

/// One subgroup per tile, on textures. Query, key and value need no splitting there: a tensor's axes before the tokens
/// lie side by side in a row.
///
/// The epilogue is made of constants, since a software adapter runs through what a condition skips, and masks it out.
pub(super) fn offer(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Option<Offer> {
    let Problem { rows, n, k } = *problem;
    let lanes = request.capabilities.subgroup_size()? as usize;
    let largest = request.capabilities.limits.max_texture_dimension_2d as usize;
    if !ROWS.is_multiple_of(lanes) || n / 4 > largest || k > largest {
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
    let variant = Variant {
        kernel: &LINEAR_TEXTURE,
        constants: vec![
            ("LANES", lanes as u32),
            ("WEIGHT_BITS", request.weight_type.bits()),
            ("BIAS", u32::from(!projection.biases.is_empty())),
            ("ACTIVATION", epilogue.activation()),
            ("OTHER", epilogue.other()),
            ("PAIRS", pairs),
        ],
        tile: None,
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
            Dispatch::new(m.div_ceil(ROWS) * n.div_ceil(4 * VECTORS * lanes), &params)
        }),
    };
    Some(variant.into())
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
