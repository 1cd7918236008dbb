/// The cosine of the angle between two vectors of one length; 0 if either is all zeros.
///
/// ```
/// assert_eq!(wgformer::tasks::cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
/// ```
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
    };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "between -1 and 1")]
    let cosine = if length > 0.0 {
        (dot(a, b) / length) as f32
    } else {
        0.0
    };
    cosine
}

#[cfg(test)]
mod tests {
    use super::cosine;

    #[test]
    fn lengths_do_not_count_and_zeros_are_near_to_nothing() {
        assert!((cosine(&[2.0, 0.0], &[5.0, 5.0]) - 0.5_f32.sqrt()).abs() < 1e-6);
        assert_eq!(cosine(&[2.0, 0.0], &[-1e-30, 0.0]), -1.0);
        assert_eq!(cosine(&[2.0, 0.0], &[0.0, 0.0]), 0.0);
    }
}
