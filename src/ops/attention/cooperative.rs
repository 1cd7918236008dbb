//! Attention on the matrix units of GPUs.
//!
//! Queries, keys, values and softmax weights are rounded to f16 to be multiplied, and products added up in f32, in
//! whatever order the unit has: other bits than those of all other kernels. What ends at 65504 are queries, keys and
//! values; a row's weights are at most 2^15, as long as its scores stay below some millions.

use std::sync::Arc;

use super::{ATTENTION_COOPERATIVE_8, ATTENTION_COOPERATIVE_16, CooperativeParams};
use crate::gpu::Vendor;
use crate::graph::Request;
use crate::kernel::{Binding, Dispatch, Offer, Variant};
use crate::ops::cooperative;
use crate::tensor::Sizes;

/// Of a workgroup, as the shaders have it.
const QUERY_TILE: usize = 64;

/// A head's queries and its result stay in registers, which are too few for 12 warps of a longer one to a multiprocessor
/// of NVIDIA; 16 KiB of workgroup memory would be enough for 160. One that is no multiple of 4 takes more.
const MAX_HEAD_DIM: usize = 128;
const MAX_ODD_HEAD_DIM: usize = 80;

/// The largest matrices first.
pub(super) fn offers(
    request: &Request<'_>,
    heads: usize,
    head_dim: usize,
    scale: f32,
    causal: bool,
) -> Vec<Offer> {
    let most = if head_dim.is_multiple_of(4) {
        MAX_HEAD_DIM
    } else {
        MAX_ODD_HEAD_DIM
    };
    if head_dim > most {
        return vec![];
    }
    let kernels = [&ATTENTION_COOPERATIVE_16, &ATTENTION_COOPERATIVE_8];
    let variant = |kernel, lanes| Variant {
        kernel,
        constants: vec![
            ("HEAD_DIM", head_dim as u32),
            ("WORKGROUP_SIZE", cooperative::SUBGROUPS * lanes),
            ("CAUSAL", u32::from(causal)),
        ],
        bindings: vec![
            Binding::Operand(0),
            Binding::Operand(0), // as vectors
            Binding::Operand(1),
        ],
        tile: None,
        dispatch: Arc::new(move |sizes: &Sizes| {
            let query_tiles = sizes.longest.div_ceil(QUERY_TILE);
            let params = CooperativeParams {
                tokens: sizes.tokens as u32,
                sequences: sizes.sequences as u32,
                heads: heads as u32,
                query_tiles: query_tiles as u32,
                scale,
            };
            Dispatch::new(sizes.sequences * query_tiles * heads, &params)
        }),
    };
    cooperative::offers(request, kernels, |kernel, _, lanes| {
        variant(kernel, lanes).into()
    })
}

/// Whether they come before the kernel without matrices: by their compilers' figures they cost half as much on NVIDIA and
/// the same on AMD (docs/performance.md), and on Apple nobody knows.
pub(super) fn are_better(request: &Request<'_>) -> bool {
    Vendor::of(request.capabilities) == Vendor::Nvidia
}
