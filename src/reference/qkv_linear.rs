use super::linear;
use crate::tensor::Tensor;

/// Three projections of one input, laid out per head:
/// `y[p, h, t, d] = sum over i of x[t, i] * weight_p[h * head_dim + d, i] + bias_p[h * head_dim + d]`.
///
/// `x`: `[tokens, k]`; `weights`: query, key, value, each `[hidden, k]`; `biases`: each `[hidden]`;
/// the result: `[3, heads, tokens, head_dim]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let x = Tensor::new([1, 1], vec![2.0]);
/// let [query, key, value] = [1.0, 2.0, 3.0].map(|weight| Tensor::new([1, 1], vec![weight]));
/// let y = reference::qkv_linear(&x, [&query, &key, &value], None, 1);
/// assert_eq!((y.shape(), y.f32()), (&[3, 1, 1, 1][..], &[2.0, 4.0, 6.0][..]));
/// ```
#[must_use]
pub fn qkv_linear(
    x: &Tensor,
    weights: [&Tensor; 3],
    biases: Option<[&Tensor; 3]>,
    heads: usize,
) -> Tensor {
    let (tokens, hidden) = (x.shape()[0], weights[0].shape()[0]);
    let head_dim = hidden / heads;
    let mut values = Vec::with_capacity(3 * tokens * hidden);
    for part in 0..3 {
        let projected = linear(x, weights[part], biases.map(|biases| biases[part]));
        for head in 0..heads {
            for row in projected.rows() {
                values.extend_from_slice(&row[head * head_dim..(head + 1) * head_dim]);
            }
        }
    }
    Tensor::new([3, heads, tokens, head_dim], values)
}
