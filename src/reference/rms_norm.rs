use super::layer_norm::scaled;
use super::rounded;
use crate::tensor::Tensor;

/// `y[r, c] = x[r, c] / sqrt(mean(x[r] * x[r]) + eps) * weight[c]` (Zhang and Sennrich, 2019).
///
/// `x`: `[rows, cols]`; `weight`: `[cols]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let (x, weight) = (Tensor::new([1, 2], vec![1.0, 7.0]), Tensor::new([2], vec![1.0, 2.0]));
/// assert_eq!(reference::rms_norm(&x, &weight, 0.0).f32(), [0.2, 2.8]); // the root of the mean square is 5
/// ```
#[must_use]
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Tensor {
    let weight = weight.f32();
    rounded(
        x.shape(),
        x.rows().flat_map(|row| {
            let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            let weighted = scaled(&row, eps).into_iter().zip(weight);
            weighted
                .map(|(x, weight)| x * f64::from(*weight))
                .collect::<Vec<_>>()
        }),
    )
}
