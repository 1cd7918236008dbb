//! The kernels on buffers whose weight is packed with its k padded, as their shaders have them: one `Params` for all.

use std::sync::Arc;

use super::{BINDINGS, Flags, Problem, Projection, bindings, parameters};
use crate::graph::Request;
use crate::kernel::{Access, Binding, COOPERATIVE_MATRIX, Dispatch, Kernel, Layout};
use crate::tensor::Sizes;

/// What k is padded to: the largest TILE_K of the shaders.
pub(in crate::ops) const K_MULTIPLE: usize = 32;

/// Columns of a panel of the weight, likewise.
pub(in crate::ops) const PANEL: usize = 64;

/// Columns of a vector that precede those that they are gates of or turned with, likewise.
pub(super) const RUN: usize = 2;

/// What fills the bindings of all but the cooperative ones.
pub(super) fn panels(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Vec<Binding> {
    let layout = Layout::Panels {
        lanes: PANEL / 4,
        k_multiple: K_MULTIPLE,
    };
    let parameters = parameters(request, projection, layout);
    let parameters = parameters.map(|it| projection.paired(RUN, problem, it));
    bindings(projection, parameters)
}

pub(in crate::ops) static LINEAR_TILE: Kernel = Kernel {
    name: "linear_tile",
    wgsl: include_str!("../../../shaders/linear_tile.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &[
        "ROW_VECTORS",
        "COLUMN_VECTORS",
        "LANES_DOWN",
        "LANES_ACROSS",
        "TILE_K",
        "TOGETHER",
        "UNROLL",
        "TAIL",
        "WEIGHT_BITS",
    ],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(in crate::ops) static LINEAR_SMALL: Kernel = Kernel {
    name: "linear_small",
    wgsl: include_str!("../../../shaders/linear_small.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["ROWS", "TILE_K", "WEIGHT_BITS"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(in crate::ops) static LINEAR_COLUMN: Kernel = Kernel {
    name: "linear_column",
    wgsl: include_str!("../../../shaders/linear_column.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(in crate::ops) static LINEAR_SUBGROUP: Kernel = Kernel {
    name: "linear_subgroup",
    wgsl: include_str!("../../../shaders/linear_subgroup.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &["LANES", "WEIGHT_BITS"],
    features: wgpu::Features::SUBGROUP,
    cooperative_matrix: None,
};

/// What the cooperative ones bind: x, weight, bias, the other operand, y.
const WITHOUT_SCALE: &[Access] = &[
    Access::Read,
    Access::Read,
    Access::Read,
    Access::Read,
    Access::ReadWrite,
];

pub(in crate::ops) static LINEAR_COOPERATIVE_8: Kernel = Kernel {
    name: "linear_cooperative_8",
    wgsl: include_str!("../../../shaders/linear_cooperative_8.wgsl"),
    bindings: WITHOUT_SCALE,
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "TILE_ROWS"],
    features: COOPERATIVE_MATRIX,
    cooperative_matrix: Some(8),
};

pub(in crate::ops) static LINEAR_COOPERATIVE_16: Kernel = Kernel {
    name: "linear_cooperative_16",
    wgsl: include_str!("../../../shaders/linear_cooperative_16.wgsl"),
    bindings: WITHOUT_SCALE,
    params_size: size_of::<Params>(),
    constants: &["WORKGROUP_SIZE", "TILE_ROWS"],
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
    other: u32,
    split_head_dim: u32,
    rotated: u32,
    gated: u32,
    k_padded: u32,
}

/// A workgroup for each tile of so many rows and columns.
pub(super) fn dispatch(
    [rows, columns]: [usize; 2],
    problem: &Problem,
    projection: &Projection,
) -> Arc<dyn Fn(&Sizes) -> Dispatch + Send + Sync> {
    let (problem, flags) = (*problem, Flags::of(projection));
    Arc::new(move |sizes| {
        let m = problem.rows.resolve(sizes);
        let params = Params::new(m, &problem, flags);
        Dispatch::new(m.div_ceil(rows) * problem.n.div_ceil(columns), &params)
    })
}

impl Params {
    /// For a run of `m` rows.
    fn new(m: usize, problem: &Problem, flags: Flags) -> Self {
        Self {
            m: m as u32,
            n: problem.n as u32,
            k: problem.k as u32,
            bias: flags.bias,
            activation: flags.activation,
            other: flags.other,
            split_head_dim: flags.split_head_dim,
            rotated: flags.rotated,
            gated: flags.gated,
            k_padded: problem.k.next_multiple_of(K_MULTIPLE) as u32,
        }
    }
}
