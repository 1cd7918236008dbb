use std::sync::Arc;

use super::{Problem, Projection, scales};
use crate::graph::Request;
use crate::kernel::{Access, Binding, Dispatch, Kernel, Layout, Offer, Variant};

const ROWS: usize = 16; // as the shader has it
const VECTORS: usize = 2; // of a lane, likewise

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
    let layout = Layout::Panels {
        lanes: n / 4,
        k_multiple: 4,
    };
    let variant = Variant {
        kernel: &LINEAR_TEXTURE,
        constants: vec![
            ("LANES", lanes as u32),
            ("WEIGHT_BITS", request.weight_type.bits()),
            ("BIAS", u32::from(!projection.biases.is_empty())),
            ("ACTIVATION", epilogue.activation()),
            ("OTHER", epilogue.other()),
        ],
        tile: None,
        bindings: vec![
            Binding::Operand(0),
            Binding::Matrix {
                operands: projection.weights.clone(),
                stored_as: request.weight_type,
                layout,
            },
            scales(request, projection),
            Binding::Small(projection.biases.clone()),
            projection.other(),
        ],
        dispatch: Arc::new(move |sizes| {
            let m = rows.resolve(sizes);
            let params = Params {
                m: m as u32,
                n: n as u32,
                k: k as u32,
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
    constants: &["LANES", "WEIGHT_BITS", "BIAS", "ACTIVATION", "OTHER"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
}
