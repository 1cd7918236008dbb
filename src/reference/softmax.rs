use super::attention::softmax_of;
use super::rounded;
use crate::tensor::Tensor;

/// Softmax over the last axis: `y[r, c] = exp(x[r, c] - max_r) / sum_r`.
///
/// `x` and the result: `[rows, cols]`.
#[must_use]
pub fn softmax(x: &Tensor) -> Tensor {
    rounded(
        x.shape(),
        x.rows()
            .flat_map(|row| softmax_of(&row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())),
    )
}
