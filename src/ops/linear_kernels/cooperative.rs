//! Linear layers on the matrix units of GPUs.
//!
//! They round x to f16 to multiply it by a weight in f16, and add up in f32, in whatever order the unit has: other bits
//! than those of all other kernels, so that one of these runs a layer for every number of rows or for none.
//! An x beyond 65504, the largest f16, is infinite there; layer norms, attention and gelu, whose results a model
//! multiplies, stay far below.

use std::sync::Arc;

use super::{Flags, Problem, Projection};
use crate::graph::Request;
use crate::kernel::{
    Access, Binding, COOPERATIVE_MATRIX, Dispatch, Kernel, Offer, Variant, square_matrices,
};
use crate::ops::cooperative;
use crate::tensor::WeightType;

// As the shaders have them.
const TILE: usize = 64; // rows, and columns
const TILE_K: usize = 32;

/// The largest matrices first.
pub(super) fn offers(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Offer> {
    let kernels = [&LINEAR_COOPERATIVE_16, &LINEAR_COOPERATIVE_8];
    cooperative::offers(request, kernels, |kernel, size, workgroup_size| {
        variant(kernel, size, workgroup_size, projection, problem)
    })
}

fn variant(
    kernel: &'static Kernel,
    size: u32,
    workgroup_size: u32,
    projection: &Projection,
    problem: &Problem,
) -> Variant {
    let Problem { rows, n, k } = *problem;
    let flags = Flags::of(projection);
    Variant {
        kernel,
        constants: vec![("WORKGROUP_SIZE", workgroup_size)],
        tile: Some([TILE, TILE]),
        bindings: vec![
            Binding::Operand(0),
            Binding::Matrix {
                operands: projection.weights.clone(),
                stored_as: WeightType::F16,
                pack: square_matrices(size as usize, TILE, TILE_K),
            },
            Binding::Small(projection.biases.clone()),
            // Without one, x is bound twice and read once.
            Binding::Operand(projection.epilogue.residual.unwrap_or(0)),
        ],
        dispatch: Arc::new(move |sizes| {
            let m = rows.resolve(sizes);
            let params = Params {
                m: m as u32,
                n: n as u32,
                k: k as u32,
                bias: flags.bias,
                activation: flags.activation,
                residual: flags.residual,
                split_head_dim: flags.split_head_dim,
                k_padded: k.next_multiple_of(TILE_K) as u32,
            };
            Dispatch::new(m.div_ceil(TILE) * n.div_ceil(TILE), &params)
        }),
    }
}

/// x, weight, bias, residual, y.
const BINDINGS: &[Access] = &[
    Access::Read,
    Access::Read,
    Access::Read,
    Access::Read,
    Access::ReadWrite,
];

pub(in crate::ops) static LINEAR_COOPERATIVE_8: Kernel = Kernel {
    name: "linear_cooperative_8",
    wgsl: include_str!("../../../shaders/linear_cooperative_8.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(8),
};

pub(in crate::ops) static LINEAR_COOPERATIVE_16: Kernel = Kernel {
    name: "linear_cooperative_16",
    wgsl: include_str!("../../../shaders/linear_cooperative_16.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(16),
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    bias: u32,
    activation: u32,
    residual: u32,
    split_head_dim: u32,
    k_padded: u32,
}
