use super::padded::{LINEAR_SUBGROUP, dispatch, panels};
use super::{Problem, Projection};
use crate::graph::Request;
use crate::kernel::{Offer, Variant};

// As the shader has them.
const ROWS: usize = 8; // of a subgroup
const VECTORS: usize = 2; // of a lane
const SUBGROUPS: usize = 4; // of a workgroup

/// Sums and a share of x in the registers of one subgroup, which passes x round; on buffers, where subgroups have one
/// size. By the vendors' compilers it is nowhere the cheapest (docs/performance.md), so that it is there for `tune` and
/// `--variant`.
pub(super) fn offer(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Option<Offer> {
    let lanes = request.capabilities.subgroup_size()?;
    let tile = [ROWS * SUBGROUPS, 4 * VECTORS * lanes as usize];
    let variant = Variant {
        kernel: &LINEAR_SUBGROUP,
        constants: vec![
            ("LANES", lanes),
            ("WEIGHT_BITS", request.weight_type.bits()),
        ],
        tile: Some(tile),
        bindings: panels(request, projection, problem),
        dispatch: dispatch(tile, problem, projection),
    };
    Some(variant.into())
}
