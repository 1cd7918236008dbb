//! How far a kernel may be from the reference, derived from what it computes. Tests of kernels pass no literals.

/// The relative spacing of f32 just above 1: twice the largest rounding error of one operation.
const EPSILON: f64 = f32::EPSILON as f64;

/// `|gpu - reference| <= absolute + relative * |reference|`, for values in [-1, 1].
///
/// ```
/// let tolerance = wgformer::verify::Tolerance::dot(384); // a sum of 384 products
/// assert!(tolerance.error(1.000001, 1.0) < tolerance.allowed(1.0));
/// assert!(tolerance.share(1.001, 1.0) > 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tolerance {
    /// In the result's own unit.
    pub absolute: f64,
    /// As a share of the reference.
    pub relative: f64,
}

impl Tolerance {
    /// A few roundings per element.
    ///
    /// See [`Tolerance::scaled`] for an example.
    #[must_use]
    pub fn elementwise() -> Self {
        Self {
            absolute: 2.0 * EPSILON,
            relative: 4.0 * EPSILON,
        }
    }

    /// A sum of `k` products added one after another, each partial sum rounded by up to half an epsilon of itself.
    /// Partial sums grow like sqrt(i) / 3, which makes a random walk of about epsilon * k / 20; the largest of a million
    /// is five times as far, and a sum that ends far out has rounded larger partial sums: of a sum s they are off by
    /// about epsilon * |s| * sqrt(k) / 8, and five times that at worst.
    #[must_use]
    pub fn dot(k: usize) -> Self {
        Self {
            absolute: EPSILON * (4.0 + 0.5 * k as f64),
            relative: EPSILON * (4.0 + 0.6 * (k as f64).sqrt()),
        }
    }

    /// Two such sums, each times a number in [-1, 1].
    ///
    /// See [`Tolerance::product_of_dots`] for an example.
    #[must_use]
    pub fn turned_dots(k: usize) -> Self {
        let largest = largest_dot(k);
        Self {
            absolute: 2.0 * Self::dot(k).allowed(largest) + 4.0 * EPSILON * f64::from(largest),
            relative: 0.0,
        }
    }

    /// The product of two such sums.
    ///
    /// ```
    /// use wgformer::verify::Tolerance;
    ///
    /// let (one, turned) = (Tolerance::dot(384), Tolerance::turned_dots(384)); // by a cosine and a sine
    /// let product = Tolerance::product_of_dots(384); // of a gate and what passes it
    /// assert!(turned.allowed(1.0) > one.allowed(1.0) && product.allowed(1.0) > one.allowed(1.0));
    /// ```
    #[must_use]
    pub fn product_of_dots(k: usize) -> Self {
        let largest = largest_dot(k);
        Self {
            absolute: 2.0 * f64::from(largest) * Self::dot(k).allowed(largest),
            relative: 0.0,
        }
    }

    /// Weights exp(s) / sum over `terms` of scores up to `range` in size: exp is good to 3 + 2 |x| units in the last
    /// place (Vulkan's and WGSL's bound), a score of that size is rounded to epsilon * range, and the sum adds its own.
    ///
    /// See [`Tolerance::with_weights_in_f16`] for an example.
    #[must_use]
    pub fn exponentials(terms: usize, range: f32) -> Self {
        let relative = EPSILON * (8.0 + 4.0 * f64::from(range) + (terms as f64).sqrt());
        Self {
            absolute: relative,
            relative,
        }
    }

    /// The same where the weights are cut off to the 11 bits of f16 and what is then left of them is summed up, of
    /// values that lie within `range`: weights that lose up to 2^-10 of themselves lose 2^-11 more or less than one
    /// another, which moves the mean by that share of the values' mean distance from it, at most half their range.
    /// Weights below 2^-29 of the largest may be taken for zero.
    ///
    /// ```
    /// use wgformer::verify::Tolerance;
    ///
    /// let attention = Tolerance::exponentials(128, 1.0); // 128 keys, scores to about 1
    /// let in_f16 = attention.with_weights_in_f16(128, 2.0); // values in [-1, 1]
    /// assert!(in_f16.allowed(1.0) > attention.allowed(1.0));
    /// ```
    #[must_use]
    pub fn with_weights_in_f16(self, terms: usize, range: f32) -> Self {
        let share = 0.5 * 2.0_f64.powi(-11) * (1.0 + 2.0_f64.powi(-10));
        let lost = terms as f64 * 2.0_f64.powi(-29);
        Self {
            absolute: self.absolute + (share + lost) * f64::from(range),
            ..self
        }
    }

    /// A row of `cols` values up to `magnitude` brought to deviation 1 from `deviation`: the mean is off by epsilon
    /// times the magnitude for each level of the sum, and the division magnifies that.
    ///
    /// ```
    /// use wgformer::verify::Tolerance;
    ///
    /// let (near, far) = (Tolerance::norm(384, 1.0, 0.6), Tolerance::norm(384, 1e4, 0.6));
    /// assert!(far.allowed(1.0) > near.allowed(1.0)); // values that lie far from 0
    /// ```
    #[must_use]
    pub fn norm(cols: usize, magnitude: f32, deviation: f32) -> Self {
        let levels = 4.0 + (cols as f64).sqrt();
        let absolute = EPSILON * levels * (1.0 + f64::from(magnitude / deviation));
        Self {
            absolute,
            relative: EPSILON * levels,
        }
    }

    /// The same for values up to `magnitude`, of which a result is a sum.
    ///
    /// ```
    /// use wgformer::verify::Tolerance;
    ///
    /// let of_values_to_80 = Tolerance::elementwise().scaled(80.0);
    /// assert!(of_values_to_80.allowed(0.0) > Tolerance::elementwise().allowed(0.0));
    /// ```
    #[must_use]
    pub fn scaled(self, magnitude: f32) -> Self {
        Self {
            absolute: self.absolute * f64::from(magnitude).max(1.0),
            ..self
        }
    }

    /// The result of the `step`th step of a model, counted from 1. Each step rounds its sums to a few epsilons of their
    /// largest terms, which are about as large as its largest result, and passes on what it was given: errors add up
    /// like a random walk. 48 epsilons are three times the most that the default model shows (docs/testing.md).
    ///
    /// ```
    /// use wgformer::verify::Tolerance;
    ///
    /// let reference = [0.5, -2.0, 1.0];
    /// let [first, fourth] = [1, 4].map(|step| Tolerance::step(step, &reference));
    /// assert_eq!(fourth.allowed(1.0), 2.0 * first.allowed(1.0));
    /// ```
    #[must_use]
    pub fn step(step: usize, reference: &[f32]) -> Self {
        let largest = reference
            .iter()
            .fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let absolute =
            48.0 * EPSILON * (step as f64).sqrt() * f64::from(largest).max(f64::MIN_POSITIVE);
        Self {
            absolute,
            relative: 0.0,
        }
    }

    /// How far a result may be from `reference`.
    #[must_use]
    pub fn allowed(&self, reference: f32) -> f64 {
        self.absolute + self.relative * f64::from(reference).abs()
    }

    /// How far a result is from `reference`; as far as a number goes, if either is NaN or infinite: JSON has no infinity.
    #[must_use]
    pub fn error(&self, gpu: f32, reference: f32) -> f64 {
        let error = (f64::from(gpu) - f64::from(reference)).abs();
        if error < f64::MAX { error } else { f64::MAX }
    }

    /// The error as a share of what is allowed: at most 1 is right. A NaN on either side gives infinity.
    #[must_use]
    pub fn share(&self, gpu: f32, reference: f32) -> f64 {
        let share = self.error(gpu, reference) / self.allowed(reference);
        if share.is_nan() { f64::INFINITY } else { share }
    }
}

/// How far a sum of `k` products of numbers in [-1, 1] lies from 0 at most, as [`Tolerance::dot`] has it.
fn largest_dot(k: usize) -> f32 {
    5.0 / 3.0 * (k as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_never_close() {
        let tolerance = Tolerance::dot(8);
        for (gpu, reference) in [
            (f32::NAN, 0.0),
            (0.0, f32::NAN),
            (f32::NAN, f32::NAN),
            (f32::INFINITY, 1.0),
        ] {
            let passes = tolerance.share(gpu, reference) <= 1.0;
            assert!(!passes, "{gpu} against {reference}");
        }
        assert!(tolerance.share(1.0, 1.0) == 0.0);
    }
}
