//! The scalar definition of every operation in plain Rust, accumulated in f64: the specification that the kernels are tested against.
//!
//! Every function takes and gives host tensors, row-major; operands stand in the same order as in [`crate::Graph`].

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

pub use activation::{Activation, activation};
pub use add::add;
pub use attention::attention;
pub use disentangled_attention::disentangled_attention;
pub use embedding_sum::embedding_sum;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use max_sim::max_sim;
pub use multiply::multiply;
pub use normalize::normalize;
pub use pool::{Pooling, pool};
pub use qkv_linear::qkv_linear;
pub use rms_norm::rms_norm;
pub use rotary::rotary;
pub use softmax::softmax;
pub use top_k::top_k;
pub use unfold::unfold;

use crate::tensor::Tensor;

/// Rounds what was computed in f64 to a tensor of `shape`.
fn rounded(shape: &[usize], values: impl IntoIterator<Item = f64>) -> Tensor {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the one rounding of a result to f32"
    )]
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    Tensor::new(shape, values)
}
