use super::rounded;
use crate::tensor::Tensor;

/// Rotary position embedding of query and key (Su and others, 2021), an element paired with the one half of r further;
/// for d < r / 2, with the cosine c and the sine s of the token's position and d:
/// `y[d] = x[d] * c - x[d + r / 2] * s; y[d + r / 2] = x[d + r / 2] * c + x[d] * s`.
/// Values, and what of a row lies past r, are copied.
///
/// `qkv` and the result: `[3, heads, tokens, head_dim]`; `rotations`: `[tokens, r]`, of each d a cosine, then a sine.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// // A quarter turn: the cosine is 0, the sine 1.
/// let qkv = Tensor::new([3, 1, 1, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// let y = reference::rotary(&qkv, &Tensor::new([1, 2], vec![0.0, 1.0]));
/// assert_eq!(y.f32(), [-2.0, 1.0, -4.0, 3.0, 5.0, 6.0]);
/// ```
#[must_use]
pub fn rotary(qkv: &Tensor, rotations: &Tensor) -> Tensor {
    let [_, heads, tokens, _] = *qkv.shape() else {
        panic!("qkv is [3, heads, tokens, head_dim]")
    };
    let half = rotations.shape()[1] / 2;
    let mut values: Vec<f64> = qkv.f32().iter().map(|x| f64::from(*x)).collect();
    let rows = values.chunks_mut(qkv.shape()[3].max(1));
    for (place, row) in rows.take(2 * heads * tokens).enumerate() {
        let of_token = &rotations.f32()[place % tokens * 2 * half..][..2 * half];
        for (d, rotation) in of_token.chunks_exact(2).enumerate() {
            let (c, s) = (f64::from(rotation[0]), f64::from(rotation[1]));
            let (first, second) = (row[d], row[d + half]);
            row[d] = first * c - second * s;
            row[d + half] = second * c + first * s;
        }
    }
    rounded(qkv.shape(), values)
}
