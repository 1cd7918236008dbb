use super::rounded;
use crate::tensor::Tensor;

/// `y[r, j] = sum over i of x[r, i] * weight[j, i] + bias[j]`.
///
/// `x`: `[m, k]`; `weight`: `[n, k]`; `bias`: `[n]`; the result: `[m, n]`.
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
