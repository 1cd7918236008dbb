//! One file per operation: its formula and shapes, its checks, its kernels and their `Params`.
//!
//! Adding `x` edits no `match`:
//!
//! * `shaders/x.wgsl`; `ops/x.rs`, its `mod` line and its kernels in [`KERNELS`] below;
//! * `reference/x.rs` with its two lines in `reference/mod.rs`;
//! * `verify/cases/x.rs`, registered in `verify/cases/mod.rs`, with a case in `quick` and one in `folded`; a property in
//!   `tests/properties.rs`;
//! * at least four mutations of each shader in `verify/mutations.rs`, and their rows in docs/mutations.md;
//! * the values of its constants in `tests/shaders/variants.rs`.
//!
//! A further kernel of an operation: its shader, its `static` in [`KERNELS`], an offer among the operation's
//! ([`crate::kernel::Offer`]), its mutations. A further tile of linear layers:
//! `linear_kernels/tile.rs` for workgroup memory and few rows, `cooperative.rs` and `texture.rs` there for theirs. A
//! further vendor: `gpu/vendor.rs`, what its compiler wants (`few_rows`, `largest` and `staging` in
//! `linear_kernels/tile.rs`, `are_better` in its `cooperative.rs`, `row_lanes`), a line of `tests/shaders/adapters.rs`,
//! and its chips in `scripts/compilers.py`.
//!
//! What operations share is in `checks` (of shapes), `row_lanes` (how many lanes share a row), `cooperative` (who has
//! matrix units), `elementwise` (kernels of one element at a time) and `linear_kernels` (every linear layer: a file per
//! kind of memory, `padded` with the kernels that read one layout of the weight).

mod activation;
mod add;
mod attention;
mod checks;
mod cooperative;
mod disentangled_attention;
mod elementwise;
mod embedding_sum;
mod gated_linear;
mod layer_norm;
mod linear;
mod linear_kernels;
mod max_sim;
mod multiply;
mod normalize;
mod pool;
mod qkv_linear;
mod rms_norm;
mod rotary;
mod row_lanes;
mod softmax;
mod top_k;
mod unfold;

pub use crate::reference::{Activation, Pooling};
pub use attention::AttentionOptions;
pub use qkv_linear::Qkv;
pub(crate) use top_k::{MAX_K, MAX_PLACES};

use crate::kernel::Kernel;

/// Linear layers fill up the rows and the columns of a weight to multiples of these at most.
pub(crate) const ROW_MULTIPLE: usize = linear_kernels::PANEL;
pub(crate) const COL_MULTIPLE: usize = linear_kernels::K_MULTIPLE;

/// Every kernel of the crate, for tools that look at all of them.
pub static KERNELS: &[&Kernel] = &[
    &elementwise::ACTIVATION,
    &elementwise::ADD,
    &attention::ATTENTION,
    &attention::ATTENTION_COOPERATIVE_16,
    &attention::ATTENTION_COOPERATIVE_8,
    &attention::ATTENTION_TEXTURE,
    &disentangled_attention::DISENTANGLED_ATTENTION,
    &disentangled_attention::DISENTANGLED_ATTENTION_TEXTURE,
    &embedding_sum::EMBEDDING_SUM,
    &embedding_sum::EMBEDDING_SUM_TEXTURE,
    &embedding_sum::EMBEDDING_SUM_VEC4,
    &layer_norm::LAYER_NORM,
    &layer_norm::LAYER_NORM_SUBGROUP,
    &layer_norm::LAYER_NORM_TEXTURE,
    &layer_norm::LAYER_NORM_VEC4,
    &linear_kernels::LINEAR,
    &linear_kernels::LINEAR_COLUMN,
    &linear_kernels::LINEAR_COOPERATIVE_16,
    &linear_kernels::LINEAR_COOPERATIVE_8,
    &linear_kernels::LINEAR_SMALL,
    &linear_kernels::LINEAR_SUBGROUP,
    &linear_kernels::LINEAR_TEXTURE,
    &linear_kernels::LINEAR_TILE,
    &max_sim::MAX_SIM,
    &elementwise::MULTIPLY,
    &normalize::NORMALIZE,
    &normalize::NORMALIZE_TEXTURE,
    &pool::POOL,
    &pool::POOL_SUBGROUP,
    &pool::POOL_TEXTURE,
    &pool::POOL_VEC4,
    &rotary::ROTARY,
    &rotary::ROTARY_TEXTURE,
    &softmax::SOFTMAX,
    &softmax::SOFTMAX_SUBGROUP,
    &softmax::SOFTMAX_VEC4,
    &top_k::TOP_K,
    &top_k::TOP_K_TEXTURE,
    &unfold::UNFOLD,
    &unfold::UNFOLD_TEXTURE,
];
