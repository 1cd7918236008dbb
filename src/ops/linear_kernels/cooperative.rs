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
const COLUMNS: usize = 64; // of a tile, in two blocks
const ROWS: u32 = 64; // of a tile, in two blocks
const BLOCK: usize = 32; // rows of a block, at most, and columns
const FEW_ROWS: u32 = 16; // of a tile for few, in one block

/// Up to so many rows in all, tiles of few: those of many would be half empty, or emptier.
const MOST_FEW_ROWS: usize = 32;

/// The largest matrices first.
pub(super) fn offers(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Offer> {
    let kernels = [&LINEAR_COOPERATIVE_16, &LINEAR_COOPERATIVE_8];
    cooperative::offers(request, kernels, |kernel, size, lanes| {
        let variant = |rows| variant(kernel, size, [lanes, rows], request, projection, problem);
        let by_rows = vec![
            (MOST_FEW_ROWS, variant(FEW_ROWS)),
            (usize::MAX, variant(ROWS)),
        ];
        Offer::by_rows(problem.rows, by_rows)
    })
}

/// Whether they come before the kernels without matrices: on AMD's and NVIDIA's chips, whose units for them multiply at
/// least twice as fast as all else there. Apple's add no arithmetic: whether they pay there nobody has measured
/// (docs/performance.md). A CPU has none.
pub(super) fn are_better(request: &Request<'_>) -> bool {
    matches!(
        Vendor::of(request.capabilities),
        Vendor::Amd | Vendor::Nvidia
    )
}

fn variant(
    kernel: &'static Kernel,
    size: u32,
    [lanes, rows]: [u32; 2],
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Variant {
    let layout = Layout::SquareMatrices {
        size: size as usize,
        n_multiple: COLUMNS,
        k_multiple: K_MULTIPLE,
    };
    let parameters = parameters(request, projection, layout);
    let tile = [rows as usize, COLUMNS];
    let blocks = tile.map(|length| length.div_ceil(BLOCK) as u32);
    let workgroup_size = lanes * blocks[0] * blocks[1];
    let [weight, _, bias] = parameters.map(|it| projection.paired(RUN, problem, it));
    Variant {
        kernel,
        constants: vec![("WORKGROUP_SIZE", workgroup_size), ("TILE_ROWS", rows)],
        tile: Some(tile),
        bindings: vec![Binding::Operand(0), weight, bias, projection.other()],
        dispatch: dispatch(tile, problem, projection),
    }
}
