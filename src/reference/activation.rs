use super::rounded;
use crate::tensor::Tensor;

/// A function of one number that stands between linear layers.
///
/// See [`activation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// The Gaussian error linear unit in its erf form, `x / 2 * (1 + erf(x / sqrt(2)))` (Hendrycks and Gimpel, 2016).
    Gelu,
    /// The same approximated, `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`.
    GeluTanh,
    /// The sigmoid linear unit, `x / (1 + exp(-x))`; also called swish.
    Silu,
    /// The rectified linear unit, `max(x, 0)`.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Gelu,
        Self::GeluTanh,
        Self::Silu,
        Self::Relu,
        Self::Tanh,
    ];
}

/// `y[i] = activation(x[i])`.
///
/// ```
/// use wgformer::{ops::Activation, reference, tensor::Tensor};
///
/// let y = reference::activation(&Tensor::new([1, 2], vec![0.0, 10.0]), Activation::Gelu);
/// assert_eq!(y.f32(), [0.0, 10.0]);
/// ```
#[must_use]
pub fn activation(x: &Tensor, activation: Activation) -> Tensor {
    let of: fn(f64) -> f64 = match activation {
        Activation::Gelu => gelu,
        Activation::GeluTanh => gelu_tanh,
        Activation::Silu => |x| x / (1.0 + (-x).exp()),
        Activation::Relu => |x| x.max(0.0),
        Activation::Tanh => f64::tanh,
    };
    rounded(x.shape(), x.f32().iter().map(|x| of(f64::from(*x))))
}

fn gelu(x: f64) -> f64 {
    0.5 * x * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

fn gelu_tanh(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

/// The complementary error function, to about 1e-15 of its value or better.
fn erfc(z: f64) -> f64 {
    if z < 0.0 {
        2.0 - erfc(-z)
    } else if z < 2.0 {
        1.0 - erf_series(z)
    } else {
        erfc_continued_fraction(z)
    }
}

/// `erf(z) = 2 / sqrt(pi) * exp(-z²) * sum over n of 2^n z^(2n+1) / (1·3·…·(2n+1))`: all terms positive, so nothing cancels.
fn erf_series(z: f64) -> f64 {
    let (mut term, mut sum) = (z, z);
    for n in 1..100 {
        term *= 2.0 * z * z / f64::from(2 * n + 1);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp() * sum
}

/// `erfc(z) = exp(-z²) / sqrt(pi) / (z + (1/2) / (z + (2/2) / (z + (3/2) / …)))`, from the inside out.
fn erfc_continued_fraction(z: f64) -> f64 {
    let fraction = (1..=120)
        .rev()
        .fold(z, |inner, n| z + 0.5 * f64::from(n) / inner);
    (-z * z).exp() * std::f64::consts::FRAC_2_SQRT_PI / 2.0 / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erfc_meets_its_tabulated_values() {
        // Abramowitz and Stegun, table 7.1, and its asymptotic expansion for z = 5.
        for (z, expected) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (2.0, 0.004_677_734_981_047_266),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_035e-12),
            (-1.0, 1.842_700_792_949_715),
        ] {
            let error = (erfc(z) - expected).abs();
            assert!(error <= 1e-13 * expected, "erfc({z}) is off by {error}");
        }
    }
}
