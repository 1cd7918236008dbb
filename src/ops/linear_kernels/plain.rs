use std::sync::Arc;

use super::{BINDINGS, Params, Problem, Projection, bindings};
use crate::graph::Request;
use crate::kernel::{Dispatch, Kernel, Offer, Variant, row_major};

const WORKGROUP_SIZE: usize = 64; // as the shader has it

/// One output per lane, for shapes that no other kernel takes.
pub(super) fn offer(request: &Request<'_>, projection: &Projection, problem: &Problem) -> Offer {
    let Problem { rows, n, .. } = *problem;
    let params = Params::new(projection, problem);
    let variant = Variant {
        kernel: &LINEAR,
        constants: vec![("WEIGHT_BITS", request.weight_type.bits())],
        tile: None,
        bindings: bindings(request, projection, row_major()),
        dispatch: Arc::new(move |sizes| {
            let m = rows.resolve(sizes);
            let workgroups = (m * n).div_ceil(WORKGROUP_SIZE);
            let m = m as u32;
            Dispatch::new(workgroups, &Params { m, ..params })
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
