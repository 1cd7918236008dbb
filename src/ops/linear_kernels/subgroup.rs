use std::sync::Arc;

use super::padded::{LINEAR_SUBGROUP, Params, panels};
use super::{Flags, Problem, Projection, bindings};
use crate::graph::Request;
use crate::kernel::{Dispatch, Offer, Variant};

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
    let problem = *problem;
    let flags = Flags::of(projection);
    let lanes = request.capabilities.subgroup_size()?;
    let tile @ [tile_rows, tile_columns] = [ROWS * SUBGROUPS, 4 * VECTORS * lanes as usize];
    let variant = Variant {
        kernel: &LINEAR_SUBGROUP,
        constants: vec![
            ("LANES", lanes),
            ("WEIGHT_BITS", request.weight_type.bits()),
        ],
        tile: Some(tile),
        bindings: bindings(request, projection, panels()),
        dispatch: Arc::new(move |sizes| {
            let m = problem.rows.resolve(sizes);
            let params = Params::new(m, &problem, flags);
            Dispatch::new(
                m.div_ceil(tile_rows) * problem.n.div_ceil(tile_columns),
                &params,
            )
        }),
    };
    Some(variant.into())
}
