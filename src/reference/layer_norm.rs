use super::rounded;
use crate::tensor::Tensor;

/// `y[r, c] = (x[r, c] - mean(x[r])) / sqrt(variance(x[r]) + eps) * weight[c] + bias[c]` (Ba, Kiros and Hinton, 2016).
///
/// `x`: `[rows, cols]`; `weight`, `bias`: `[cols]`; the variance is the biased one.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let x = Tensor::new([1, 2], vec![1.0, 3.0]);
/// let (weight, bias) = (Tensor::new([2], vec![1.0; 2]), Tensor::new([2], vec![0.5; 2]));
/// assert_eq!(reference::layer_norm(&x, &weight, &bias, 0.0).f32(), [-0.5, 1.5]);
/// ```
#[must_use]
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Tensor {
    rounded(
        x.shape(),
        x.rows().flat_map(|row| {
            let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            normalised(&row, weight.f32(), bias.f32(), eps)
        }),
    )
}

/// Layer norm of one row that is already in f64.
pub(super) fn normalised(row: &[f64], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f64> {
    let cols = row.len() as f64;
    let mean = row.iter().sum::<f64>() / cols;
    let centred: Vec<f64> = row.iter().map(|x| x - mean).collect();
    scaled(&centred, eps)
        .into_iter()
        .zip(weight.iter().zip(bias))
        .map(|(x, (weight, bias))| x * f64::from(*weight) + f64::from(*bias))
        .collect()
}

/// A row divided by the root of its mean square.
pub(super) fn scaled(row: &[f64], eps: f32) -> Vec<f64> {
    let mean_square = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
    let scale = 1.0 / (mean_square + f64::from(eps)).sqrt();
    row.iter().map(|x| x * scale).collect()
}
