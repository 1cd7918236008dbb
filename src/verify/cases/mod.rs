//! The case table, one file per operation: sizes 1, primes, the tails of every tile, several workgroups, more workgroups
//! than one dimension of a grid holds, and the shapes of real models.
//!
//! Each file has a `table`, and a function that builds a case of any size, for tests with sizes of their own.
//!
//! ```
//! use wgformer::ops::{Activation, Pooling};
//! use wgformer::verify::{Case, Values, cases};
//!
//! let case: Case = cases::softmax(3, 8, Values::Extreme)?;
//! println!("{}: {}, {} inputs", case.name, case.graph, case.values().len());
//!
//! let unit = Values::Unit;
//! let of_any_size = [
//!     cases::linear([17, 64, 32], cases::Epilogue { bias: true, ..Default::default() }, unit)?,
//!     cases::linear([17, 64, 32], cases::Epilogue { combine: Some(cases::Combine::Multiply), ..Default::default() }, unit)?,
//!     cases::qkv_linear(20, 3, 32, 32, true)?,
//!     cases::attention(&[7, 40], 3, 32, 1.0, unit)?,
//!     cases::layer_norm(9, 384, unit, false)?,
//!     cases::rms_norm(9, 384, unit, true)?,
//!     cases::embedding_sum(9, 384, true)?,
//!     cases::pool(&[5, 9], 384, Pooling::Mean, true, unit)?,
//!     cases::normalize(9, 132, unit)?,
//!     cases::max_sim(&[5, 9], 32, 128, unit)?,
//!     cases::top_k(9, 132, 10, true, unit)?,
//!     cases::unfold(&[5, 9], 132, 3, unit)?,
//!     cases::attention_with(&[70], 3, 32, 1.0, unit, cases::Distances { window: Some(8), ..Default::default() })?,
//!     cases::disentangled_attention(&[7, 40], (3, 32), 15, 1.0, unit)?,
//!     cases::rotary(9, 3, 32, 32, unit)?,
//!     cases::activation(9, 130, Activation::Gelu, unit)?,
//!     cases::add(9, 130)?,
//!     cases::multiply(9, 130)?,
//! ];
//! println!("{} of {} cases", of_any_size.len(), cases::all().len());
//!
//! for recipe in cases::quick() {
//!     println!("{}", recipe()?.operation);
//! }
//! # Ok::<(), wgformer::Error>(())
//! ```

mod activation;
mod add;
mod attention;
mod disentangled_attention;
mod embedding_sum;
mod layer_norm;
mod linear;
mod max_sim;
mod multiply;
mod normalize;
mod pool;
mod qkv_linear;
mod rms_norm;
mod rotary;
mod softmax;
mod top_k;
mod unfold;

pub use activation::activation;
pub use add::add;
pub use attention::{Distances, attention, attention_with};
pub use disentangled_attention::disentangled_attention;
pub use embedding_sum::embedding_sum;
pub use layer_norm::layer_norm;
pub use linear::{Combine, Epilogue, linear};
pub use max_sim::max_sim;
pub use multiply::multiply;
pub use normalize::normalize;
pub use pool::pool;
pub use qkv_linear::qkv_linear;
pub use rms_norm::rms_norm;
pub use rotary::rotary;
pub use softmax::softmax;
pub use top_k::top_k;
pub use unfold::unfold;

use super::case::Recipe;
use super::values::Values;
use crate::ops::{Activation, Pooling};

/// The whole table.
#[must_use]
pub fn all() -> Vec<Recipe> {
    let tables = [
        linear::table,
        qkv_linear::table,
        rotary::table,
        attention::table,
        disentangled_attention::table,
        layer_norm::table,
        rms_norm::table,
        embedding_sum::table,
        pool::table,
        max_sim::table,
        softmax::table,
        normalize::table,
        top_k::table,
        unfold::table,
        activation::table,
        add::table,
        multiply::table,
    ];
    tables.into_iter().flat_map(|table| table()).collect()
}

/// One case per operation, of a real model's shapes: a second's work, for `doctor`.
#[must_use]
pub fn quick() -> Vec<Recipe> {
    vec![
        Box::new(|| linear([33, 384, 384], Epilogue::ALL, Values::Unit)),
        Box::new(|| qkv_linear(20, 12, 32, 0, true)),
        Box::new(|| rotary(20, 12, 64, 64, Values::Unit)),
        Box::new(|| attention(&[7, 40], 12, 32, 1.0, Values::Unit)),
        Box::new(|| disentangled_attention(&[7, 40], (12, 64), 31, 1.0, Values::Unit)),
        Box::new(|| layer_norm(9, 384, Values::Unit, false)),
        Box::new(|| rms_norm(9, 384, Values::Unit, false)),
        Box::new(|| embedding_sum(9, 384, true)),
        Box::new(|| pool(&[5, 9], 384, Pooling::Mean, true, Values::Unit)),
        Box::new(|| max_sim(&[5, 9], 32, 128, Values::Unit)),
        Box::new(|| softmax(9, 130, Values::Unit)),
        Box::new(|| normalize(9, 130, Values::Unit)),
        Box::new(|| top_k(9, 132, 10, true, Values::Unit)),
        Box::new(|| unfold(&[5, 9], 132, 3, Values::Unit)),
        Box::new(|| activation(9, 130, Activation::Gelu, Values::Extreme)),
        Box::new(|| add(9, 130)),
        Box::new(|| multiply(9, 130)),
    ]
}

/// What a benchmark measures of an encoder: the operations of one layer over sequences of these lengths, `hidden` columns
/// in `heads` heads, `intermediate` in the feed-forward block, then softmax and pooling.
///
/// ```
/// for recipe in wgformer::verify::cases::of_layer(&[128; 2], 384, 12, 1536) {
///     println!("{}", recipe()?.name);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[must_use]
pub fn of_layer(
    lengths: &[usize],
    hidden: usize,
    heads: usize,
    intermediate: usize,
) -> [Recipe; LAYER] {
    let (residual, gelu) = (Epilogue::BIAS_RESIDUAL, Epilogue::BIAS_GELU);
    let (rows, head_dim) = (lengths.iter().sum(), hidden / heads);
    let [queries, texts] = [lengths.to_vec(), lengths.to_vec()];
    let unit = Values::Unit;
    [
        Box::new(move || qkv_linear(rows, heads, head_dim, 0, true)),
        Box::new(move || linear([rows, hidden, hidden], residual, unit)),
        Box::new(move || linear([rows, intermediate, hidden], gelu, unit)),
        Box::new(move || linear([rows, hidden, intermediate], residual, unit)),
        Box::new(move || attention(&queries, heads, head_dim, 1.0, unit)),
        Box::new(move || layer_norm(rows, hidden, unit, false)),
        Box::new(move || softmax(rows, hidden, unit)),
        Box::new(move || pool(&texts, hidden, Pooling::Mean, true, unit)),
    ]
}

/// The cases of [`of_layer`].
pub const LAYER: usize = 8;

/// One case per operation whose grid is more than 32 and at most 32 x 32 workgroups on every kernel, for a device that
/// allows no more than 32 in one dimension.
///
/// ```
/// assert_eq!(wgformer::verify::cases::folded().len(), wgformer::verify::cases::quick().len());
/// ```
#[must_use]
pub fn folded() -> Vec<Recipe> {
    const ROWS: usize = 34; // of one workgroup each, of which the first runs alone
    const LANES: usize = 34 * 16; // rows of one workgroup, subgroup or lane each
    const TILES: usize = 34 * 64; // rows, of 64 x 64 tiles
    vec![
        Box::new(|| linear([TILES, 4, 4], Epilogue::ALL, Values::Unit)),
        Box::new(|| qkv_linear(TILES, 1, 4, 0, true)),
        Box::new(|| rotary(ROWS, 8, 8, 8, Values::Unit)),
        Box::new(|| attention(&[1; ROWS], 1, 4, 1.0, Values::Unit)),
        Box::new(|| disentangled_attention(&[1; ROWS], (1, 4), 1, 1.0, Values::Unit)),
        Box::new(|| layer_norm(LANES, 8, Values::Unit, false)),
        Box::new(|| rms_norm(LANES, 8, Values::Unit, false)),
        Box::new(|| embedding_sum(LANES, 8, true)),
        Box::new(|| pool(&[1; LANES], 8, Pooling::Mean, true, Values::Unit)),
        Box::new(|| max_sim(&[1; LANES], 8, 8, Values::Unit)),
        Box::new(|| softmax(LANES, 8, Values::Unit)),
        Box::new(|| normalize(LANES, 8, Values::Unit)),
        Box::new(|| top_k(LANES, 8, 2, true, Values::Unit)),
        Box::new(|| unfold(&[1; LANES], 8, 3, Values::Unit)),
        Box::new(|| activation(ROWS, 64, Activation::Gelu, Values::Unit)),
        Box::new(|| add(ROWS, 64)),
        Box::new(|| multiply(ROWS, 64)),
    ]
}

/// More than one dimension of a grid holds on every adapter.
const MANY: usize = 65_537;

/// Rows and columns for operations of one element at a time, 64 of them to a workgroup.
const ELEMENTWISE: [(usize, usize); 11] = [
    (1, 1),
    (2, 7),
    (3, 8),
    (9, 7),
    (8, 8),
    (5, 13),
    (130, 384),
    (17, 1536), // MiniLM
    (5, 3072),  // BERT-base
    (197, 768), // ViT-B
    (MANY, 65),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn operations(cases: &[Recipe]) -> BTreeSet<&'static str> {
        cases
            .iter()
            .map(|recipe| recipe().unwrap().operation)
            .collect()
    }

    #[test]
    fn no_operation_is_left_out() {
        assert_eq!(operations(&quick()), operations(&all()));
        assert_eq!(operations(&folded()), operations(&all()));
    }
}
