use std::sync::Arc;

use super::{BINDINGS, Flags, Problem, Projection, bindings, parameters};
use crate::graph::Request;
use crate::kernel::{Dispatch, Kernel, Layout, Offer, Variant};

const WORKGROUP_SIZE: usize = 64; // as the shader has it

/// One output per lane, for shapes that no other kernel takes.
pub(super) fn offer(request: &Request<'_>, projection: &Projection, problem: &Problem) -> Offer {
    let Problem { rows, n, k } = *problem;
    let flags = Flags::of(projection);
    let variant = Variant {
        kernel: &LINEAR,
        constants: vec![("WEIGHT_BITS", request.weight_type.bits())],
        tile: None,
        bindings: bindings(
            projection,
            parameters(request, projection, Layout::RowMajor),
        ),
        dispatch: Arc::new(move |sizes| {
            let m = rows.resolve(sizes);
            let params = Params {
                m: m as u32,
                n: n as u32,
                k: k as u32,
                bias: flags.bias,
                activation: flags.activation,
                other: flags.other,
                split_head_dim: flags.split_head_dim,
                rotated: flags.rotated,
                gated: flags.gated,
            };
            let columns = n / if flags.gated == 1 { 2 } else { 1 };
            Dispatch::new((m * columns).div_ceil(WORKGROUP_SIZE), &params)
        }),
    };
    variant.into()
}

pub(in crate::ops) static LINEAR: Kernel = Kernel {
    name: "linear",
    wgsl: include_str!("../../../shaders/linear.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["WEIGHT_BITS"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    bias: u32,
    activation: u32,
    other: u32,
    split_head_dim: u32,
    rotated: u32,
    gated: u32,
}
