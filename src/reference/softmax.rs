use super::attention::softmax_of;
use super::rounded;
use crate::tensor::Tensor;

/// Softmax over the last axis: `y[r, c] = exp(x[r, c] - max_r) / sum_r`.
///
/// `x` and the result: `[rows, cols]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let y = reference::softmax(&Tensor::new([1, 4], vec![7.0; 4]));
/// assert_eq!(y.f32(), [0.25; 4]);
/// ```
#[must_use]
pub fn softmax(x: &Tensor) -> Tensor {
    rounded(
        x.shape(),
        x.rows()
            .flat_map(|row| softmax_of(&row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())),
    )
}
