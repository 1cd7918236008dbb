use super::rounded;
use crate::tensor::Tensor;

/// `y[r, j] = sum over i of x[r, i] * weight[j, i] + bias[j]`.
///
/// `x`: `[m, k]`; `weight`: `[n, k]`; `bias`: `[n]`; the result: `[m, n]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let x = Tensor::new([2, 2], vec![1.0, 0.0, 1.0, 1.0]);
/// let weight = Tensor::new([1, 2], vec![3.0, 4.0]);
/// assert_eq!(reference::linear(&x, &weight, None).f32(), [3.0, 7.0]);
/// ```
#[must_use]
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let (m, n) = (x.shape()[0], weight.shape()[0]);
    rounded(
        &[m, n],
        x.rows().flat_map(|row| {
            weight.rows().enumerate().map(move |(j, weight)| {
                dot(row, weight) + bias.map_or(0.0, |bias| f64::from(bias.f32()[j]))
            })
        }),
    )
}

/// The sum of products, in f64.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}
