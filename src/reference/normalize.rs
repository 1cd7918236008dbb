use super::rounded;
use crate::tensor::Tensor;

/// Rows of length 1: `y[r, c] = x[r, c] / max(|x[r]|, 1e-12)`, as PyTorch's `normalize`.
///
/// `x` and the result: `[rows, cols]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let y = reference::normalize(&Tensor::new([1, 2], vec![3.0, 4.0]));
/// assert_eq!(y.f32(), [0.6, 0.8]);
/// ```
#[must_use]
pub fn normalize(x: &Tensor) -> Tensor {
    let rows = x.rows().flat_map(|row| {
        let squares = row.iter().map(|x| f64::from(*x).powi(2));
        let length = squares.sum::<f64>().sqrt().max(1e-12);
        row.iter().map(move |x| f64::from(*x) / length)
    });
    rounded(x.shape(), rows)
}
