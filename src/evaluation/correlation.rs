use super::{check_lengths, check_numbers};
use crate::error::Result;

/// Pearson's correlation of two lists of numbers, from -1 to 1, as SciPy's `pearsonr`: how far one is a line of the other.
/// `None` where there is none: of fewer than two, or where all of one are the same.
///
/// ```
/// use wgformer::evaluation::pearson;
///
/// assert_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0])?, Some(1.0));
/// assert_eq!(pearson(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0])?, None);
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// [`crate::Error::Input`] if there are none, not as many of one as of the other, or one is no number.
pub fn pearson(truth: &[f64], predicted: &[f64]) -> Result<Option<f64>> {
    check(truth, predicted)?;
    Ok(correlation(truth, predicted))
}

/// Spearman's rank correlation of two lists of numbers, from -1 to 1, as SciPy's `spearmanr`: Pearson's of their ranks,
/// of which equal numbers share the mean.
///
/// ```
/// use wgformer::evaluation::spearman;
///
/// assert_eq!(spearman(&[1.0, 2.0, 3.0], &[0.1, 0.2, 90.0])?, Some(1.0));
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`pearson`].
pub fn spearman(truth: &[f64], predicted: &[f64]) -> Result<Option<f64>> {
    check(truth, predicted)?;
    Ok(correlation(&ranks(truth), &ranks(predicted)))
}

fn check(truth: &[f64], predicted: &[f64]) -> Result<()> {
    check_lengths(truth.len(), predicted.len(), "scores")?;
    check_numbers("what is right", truth)?;
    check_numbers("prediction", predicted)
}

fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (from_mean(a)?, from_mean(b)?);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    Some(cosine.clamp(-1.0, 1.0)) // rounding may lead beyond
}

/// What values are from their mean, the largest 1, so that no square overflows; `None` where all are the same.
fn from_mean(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().all(|value| *value == values[0]) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let distances = values.iter().map(|it| it - mean);
    let largest = distances.clone().map(f64::abs).fold(0.0, f64::max);
    Some(distances.map(|it| it / largest).collect())
}

/// From 1; of equal values the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut ranks, mut first) = (vec![0.0; values.len()], 0);
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let mean = first as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|place| ranks[*place] = mean);
        first += tied.len();
    }
    ranks
}
