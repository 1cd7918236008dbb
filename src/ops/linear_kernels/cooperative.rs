//! The kernels for the matrix units of GPUs: NVIDIA's and AMD's take 16 x 16, Apple's 8 x 8.
//!
//! They round x to f16 to multiply it by a weight in f16, and add up in f32, in whatever order the unit has: other bits
//! than those of all other kernels, so that one of these runs a layer for every number of rows or for none.
//! An x beyond 65504, the largest f16, is infinite there; layer norms, attention and gelu, whose results a model
//! multiplies, stay far below.

use std::sync::Arc;

use super::padded::{K_MULTIPLE, LINEAR_COOPERATIVE_8, LINEAR_COOPERATIVE_16, Params};
use super::{Flags, Problem, Projection};
use crate::graph::Request;
use crate::kernel::{Binding, Dispatch, Kernel, Offer, Variant, square_matrices};
use crate::tensor::WeightType;

// As the shaders have them.
const TILE: usize = 64; // rows, and columns
const BLOCKS: u32 = 4; // of a tile, one to a subgroup
const LARGEST_WORKGROUP: u32 = 256; // by x as it is staged: a lane has whole vectors of whole rows

/// For f16 weights alone, since f32 ones would lose precision that nobody gave up; the largest matrices first.
pub(super) fn offers(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Offer> {
    let capabilities = request.capabilities;
    let limits = &capabilities.limits;
    let workgroup_size = BLOCKS * capabilities.info.subgroup_max_size;
    let largest = LARGEST_WORKGROUP
        .min(limits.max_compute_invocations_per_workgroup)
        .min(limits.max_compute_workgroup_size_x);
    if request.weight_type != WeightType::F16 || workgroup_size > largest {
        return vec![];
    }
    [&LINEAR_COOPERATIVE_16, &LINEAR_COOPERATIVE_8]
        .into_iter()
        .filter_map(|kernel| {
            let size = kernel.cooperative_matrix?;
            let is_there = capabilities.cooperative_matrices.contains(&size);
            is_there.then(|| variant(kernel, size, workgroup_size, projection, problem).into())
        })
        .collect()
}

fn variant(
    kernel: &'static Kernel,
    size: u32,
    workgroup_size: u32,
    projection: &Projection,
    problem: &Problem,
) -> Variant {
    let problem = *problem;
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
                pack: square_matrices(size as usize, TILE, K_MULTIPLE),
            },
            Binding::Small(projection.biases.clone()),
            // Without one, x is bound twice and read once.
            Binding::Operand(projection.epilogue.residual.unwrap_or(0)),
        ],
        dispatch: Arc::new(move |sizes| {
            let m = problem.rows.resolve(sizes);
            let params = Params::new(m, &problem, flags);
            Dispatch::new(m.div_ceil(TILE) * problem.n.div_ceil(TILE), &params)
        }),
    }
}
