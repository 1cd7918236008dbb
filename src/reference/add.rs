use super::rounded;
use crate::tensor::Tensor;

/// `y[i] = a[i] + b[i]`; `a`, `b` and the result have one shape.
#[must_use]
pub fn add(a: &Tensor, b: &Tensor) -> Tensor {
    rounded(
        a.shape(),
        a.f32()
            .iter()
            .zip(b.f32())
            .map(|(a, b)| f64::from(*a) + f64::from(*b)),
    )
}
