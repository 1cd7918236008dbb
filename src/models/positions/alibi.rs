//! Scores that fall with the distance.

use crate::error::Result;
use crate::graph::TensorId;
use crate::models::Builder;

/// `slope(head) * -|distance|` for each head and distance up to `reach` (Press and others, 2022):
/// `[heads, 2 * reach + 1]`.
///
/// # Errors
/// As [`Builder::computed`].
pub(in crate::models) fn alibi_table(
    builder: &mut Builder<'_>,
    heads: usize,
    reach: usize,
) -> Result<TensorId> {
    let values = || {
        let mut values = Vec::with_capacity(heads * (2 * reach + 1));
        for slope in alibi_slopes(heads) {
            let distances = (0..=reach).rev().chain(1..=reach);
            values.extend(distances.map(|distance| -slope * distance as f32));
        }
        values
    };
    builder.computed("alibi", [heads, 2 * reach + 1], values)
}

/// A geometric series for a power of two; else that of the next lower one, and every second of the next higher one's.
fn alibi_slopes(heads: usize) -> Vec<f32> {
    let series = |count: usize| {
        let start = (-8.0 / count as f64).exp2();
        (1..=count).map(move |power| start.powf(power as f64) as f32)
    };
    let lower = if heads.is_power_of_two() {
        heads
    } else {
        heads.next_power_of_two() / 2
    };
    let between = series(2 * lower).step_by(2);
    series(lower).chain(between).take(heads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_paper() {
        let eight: Vec<f32> = (1..=8).map(|power| 0.5_f32.powi(power)).collect();
        assert_eq!(alibi_slopes(8), eight);
        let twelve = alibi_slopes(12);
        assert_eq!(twelve[..8], eight);
        assert!((twelve[8] - 0.5_f32.sqrt()).abs() < 1e-6, "{}", twelve[8]);
        assert_eq!(twelve.len(), 12);
    }
}
