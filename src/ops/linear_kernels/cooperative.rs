//! Linear layers on the matrix units of GPUs.
//!
//! They round x to f16 to multiply it by a weight in f16, and add up in f32, in whatever order the unit has: other bits
//! than those of all other kernels, so that one of these runs a layer for every number of rows or for none.
//! An x beyond 65504, the largest f16, is infinite there; layer norms, attention and gelu, whose results a model
//! multiplies, stay far below.

use super::padded::{K_MULTIPLE, LINEAR_COOPERATIVE_8, LINEAR_COOPERATIVE_16, RUN, dispatch};
use super::{Problem, Projection, parameters};
use crate::gpu::Vendor;
use crate::graph::Request;
use crate::kernel::{Binding, Kernel, Layout, Offer, Variant};
use crate::ops::cooperative;

// As the shaders have them.
const TILE: usize = 64; // rows, and columns

/// The largest matrices first.
pub(super) fn offers(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Offer> {
    let kernels = [&LINEAR_COOPERATIVE_16, &LINEAR_COOPERATIVE_8];
    cooperative::offers(request, kernels, |kernel, size, workgroup_size| {
        variant(kernel, size, workgroup_size, request, projection, problem)
    })
}

/// Whether they come before the kernels without matrices: on AMD's and NVIDIA's chips, whose units for them multiply at
/// least twice as fast as all else there. Apple's add no arithmetic, and a tile of 64 rows is many for a short text:
/// whether they pay there nobody has measured (docs/performance.md). A CPU has none.
pub(super) fn are_better(request: &Request<'_>) -> bool {
    matches!(
        Vendor::of(request.capabilities),
        Vendor::Amd | Vendor::Nvidia
    )
}

fn variant(
    kernel: &'static Kernel,
    size: u32,
    workgroup_size: u32,
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Variant {
    let layout = Layout::SquareMatrices {
        size: size as usize,
        n_multiple: TILE,
        k_multiple: K_MULTIPLE,
    };
    let parameters = parameters(request, projection, layout);
    let [weight, _, bias] = parameters.map(|it| projection.paired(RUN, problem, it));
    Variant {
        kernel,
        constants: vec![("WORKGROUP_SIZE", workgroup_size)],
        tile: Some([TILE, TILE]),
        bindings: vec![Binding::Operand(0), weight, bias, projection.other()],
        dispatch: dispatch([TILE, TILE], problem, projection),
    }
}
