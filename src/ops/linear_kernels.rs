//! The kernels behind every linear layer. All of them add a row's products one after another, k increasing,
//! by `fma` in f32, so they give the same bits.

use std::sync::Arc;

use super::checks;
use crate::error::Result;
use crate::graph::{Request, TensorInfo};
use crate::kernel::{Access, Binding, Dispatch, Kernel, Pack, Variant, panels, row_major};
use crate::tensor::{Dim, Sizes, WeightType};

/// What is done to a sum before it is stored.
pub(super) struct Epilogue {
    pub(super) gelu: bool,
    /// The operand to add last.
    pub(super) residual: Option<usize>,
    /// Write query, key and value apart, each contiguous per head of this size.
    pub(super) split_head_dim: Option<usize>,
}

/// One product: which operands are its weights, stacked along their rows, and its biases, and what follows.
/// Operand 0 is x.
pub(super) struct Projection {
    pub(super) weights: Vec<usize>,
    pub(super) biases: Vec<usize>,
    pub(super) epilogue: Epilogue,
}

/// The result's rows and, for one weight, its columns.
pub(super) fn infer(
    operation: &'static str,
    x: &TensorInfo,
    weight: &TensorInfo,
) -> Result<(Dim, usize)> {
    let (rows, k) = checks::rows_and_cols(operation, "x", x)?;
    let (n, weight_k) = checks::matrix(operation, "weight", weight)?;
    if k != weight_k {
        let message = format!(
            "inner dimensions differ: x {}, weight {}",
            x.shape, weight.shape
        );
        return Err(checks::error(operation, message));
    }
    Ok((rows, n))
}

/// Every kernel that is right for these shapes on this adapter.
pub(super) fn variants(request: &Request<'_>, projection: &Projection) -> Vec<Variant> {
    let problem = Problem {
        rows: request.dims(0)[0],
        n: projection
            .weights
            .iter()
            .map(|weight| request.fixed(*weight, 0))
            .sum(),
        k: request.fixed(0, 1),
    };
    let vectors = [
        Some(problem.n),
        Some(problem.k),
        projection.epilogue.split_head_dim,
    ];
    let by_vectors = vectors.into_iter().flatten().all(|length| length % 4 == 0);

    let mut variants = vec![one_output_per_lane(request, projection, &problem)];
    if by_vectors {
        variants.push(tile(request, projection, &problem));
        variants.extend(texture(request, projection, &problem));
    }
    variants
}

/// `y[rows, n] = x[rows, k] · weight[n, k]^T`
#[derive(Clone, Copy)]
struct Problem {
    rows: Dim,
    n: usize,
    k: usize,
}

fn one_output_per_lane(
    request: &Request<'_>,
    projection: &Projection,
    problem: &Problem,
) -> Variant {
    const WORKGROUP_SIZE: usize = 64; // as the shader has it
    let Problem { rows, n, k } = *problem;
    let mut variant = variant(&LINEAR, request, projection, row_major(), move |sizes| {
        let m = rows.resolve(sizes);
        Dispatch::new(
            (m * n).div_ceil(WORKGROUP_SIZE),
            &Params {
                m: m as u32,
                n: n as u32,
                k: k as u32,
            },
        )
    });
    variant.constants.push(split(projection));
    variant
}

fn tile(request: &Request<'_>, projection: &Projection, problem: &Problem) -> Variant {
    const TILE: usize = 64; // rows and columns, as the shader has it
    const TILE_K: usize = 32; // likewise
    let Problem { rows, n, k } = *problem;
    let mut variant = variant(
        &LINEAR_TILE,
        request,
        projection,
        panels(TILE / 4, TILE_K),
        move |sizes| {
            let (m, k_padded) = (rows.resolve(sizes), k.next_multiple_of(TILE_K));
            let params = TileParams {
                m: m as u32,
                n: n as u32,
                k: k as u32,
                k_padded: k_padded as u32,
            };
            Dispatch::new(m.div_ceil(TILE) * n.div_ceil(TILE), &params)
        },
    );
    variant.constants.push(split(projection));
    variant
}

/// On textures query, key and value need no splitting: a tensor's axes before the tokens lie side by side in a row.
fn texture(request: &Request<'_>, projection: &Projection, problem: &Problem) -> Option<Variant> {
    const ROWS: usize = 16;
    const VECTORS: usize = 2; // of a lane, as the shader has it
    let Problem { rows, n, k } = *problem;
    let lanes = request.capabilities.subgroup_size()? as usize;
    let largest = request.capabilities.limits.max_texture_dimension_2d as usize;
    if !ROWS.is_multiple_of(lanes) || n / 4 > largest || k > largest {
        return None;
    }
    let mut variant = variant(
        &LINEAR_TEXTURE,
        request,
        projection,
        panels(n / 4, 4),
        move |sizes| {
            let m = rows.resolve(sizes);
            let params = Params {
                m: m as u32,
                n: n as u32,
                k: k as u32,
            };
            Dispatch::new(m.div_ceil(ROWS) * n.div_ceil(4 * VECTORS * lanes), &params)
        },
    );
    variant
        .constants
        .extend([("LANES", lanes as u32), ("ROWS", ROWS as u32)]);
    Some(variant)
}

fn split(projection: &Projection) -> (&'static str, u32) {
    (
        "SPLIT_HEAD_DIM",
        projection.epilogue.split_head_dim.unwrap_or(0) as u32,
    )
}

fn variant(
    kernel: &'static Kernel,
    request: &Request<'_>,
    projection: &Projection,
    pack: Pack,
    dispatch: impl Fn(&Sizes) -> Dispatch + Send + Sync + 'static,
) -> Variant {
    let Epilogue { gelu, residual, .. } = projection.epilogue;
    Variant {
        kernel,
        constants: vec![
            ("WEIGHT_BITS", request.weight_type.bits()),
            ("BIAS", u32::from(!projection.biases.is_empty())),
            ("ACTIVATION", u32::from(gelu)),
            ("RESIDUAL", u32::from(residual.is_some())),
        ],
        bindings: vec![
            Binding::Operand(0),
            Binding::Matrix {
                operands: projection.weights.clone(),
                stored_as: request.weight_type,
                pack,
            },
            match request.weight_type {
                WeightType::I8 => Binding::Scales(projection.weights.clone()),
                WeightType::F32 | WeightType::F16 => Binding::Small(vec![]),
            },
            Binding::Small(projection.biases.clone()),
            Binding::Operand(residual.unwrap_or(0)), // without one, x is bound twice and read once
        ],
        dispatch: Arc::new(dispatch),
    }
}

const BINDINGS: &[Access] = &[
    Access::Read,
    Access::Read,
    Access::Read,
    Access::Read,
    Access::Read,
    Access::ReadWrite,
];

pub(super) static LINEAR: Kernel = Kernel {
    name: "linear",
    wgsl: include_str!("../../shaders/linear.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<Params>(),
    constants: &[
        "WEIGHT_BITS",
        "BIAS",
        "ACTIVATION",
        "RESIDUAL",
        "SPLIT_HEAD_DIM",
    ],
    features: wgpu::Features::empty(),
};

pub(super) static LINEAR_TILE: Kernel = Kernel {
    name: "linear_tile",
    wgsl: include_str!("../../shaders/linear_tile.wgsl"),
    bindings: BINDINGS,
    params_size: size_of::<TileParams>(),
    constants: &[
        "WEIGHT_BITS",
        "BIAS",
        "ACTIVATION",
        "RESIDUAL",
        "SPLIT_HEAD_DIM",
    ],
    features: wgpu::Features::empty(),
};

pub(super) static LINEAR_TEXTURE: Kernel = Kernel {
    name: "linear_texture",
    wgsl: include_str!("../../shaders/linear_texture.wgsl"),
    bindings: &[
        Access::Load,
        Access::LoadBits,
        Access::Read,
        Access::Read,
        Access::Load,
        Access::Store,
    ],
    params_size: size_of::<Params>(),
    constants: &[
        "LANES",
        "ROWS",
        "WEIGHT_BITS",
        "BIAS",
        "ACTIVATION",
        "RESIDUAL",
    ],
    features: wgpu::Features::SUBGROUP,
};

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct TileParams {
    m: u32,
    n: u32,
    k: u32,
    k_padded: u32,
}
