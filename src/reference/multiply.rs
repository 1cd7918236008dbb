use super::rounded;
use crate::tensor::Tensor;

/// `y[i] = a[i] * b[i]`; `a`, `b` and the result have one shape.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let [a, b] = [vec![1.0, 2.0], vec![3.0, 4.0]].map(|values| Tensor::new([1, 2], values));
/// assert_eq!(reference::multiply(&a, &b).f32(), [3.0, 8.0]);
/// ```
#[must_use]
pub fn multiply(a: &Tensor, b: &Tensor) -> Tensor {
    rounded(
        a.shape(),
        a.f32()
            .iter()
            .zip(b.f32())
            .map(|(a, b)| f64::from(*a) * f64::from(*b)),
    )
}
