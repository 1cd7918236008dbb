use super::{check_lengths, check_numbers, input};
use crate::error::Result;

/// The normalised discounted cumulative gain of one query's candidates (Järvelin and Kekäläinen, 2002), as
/// scikit-learn's `ndcg_score`: a candidate gains its relevance, divided by log2(1 + rank).
///
/// `relevance` and `scores`: one each for the same candidates; only the first `k` ranks count, if it is given. Candidates
/// with the same score share their ranks: each gains the mean over all orders (McSherry and Najork, 2008). Where nothing is
/// relevant it is 0.
///
/// ```
/// use wgformer::evaluation::ndcg;
///
/// assert_eq!(ndcg(&[1.0, 0.0], &[0.9, 0.1], None)?, 1.0); // the relevant one first
/// assert_eq!(ndcg(&[0.0, 1.0], &[0.9, 0.1], None)?, 1.0 / 3.0_f64.log2());
/// assert_eq!(ndcg(&[0.0, 1.0], &[0.9, 0.1], Some(1))?, 0.0);
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// [`crate::Error::Input`] if there are none, not as many of one as of the other, a value is no number, or a relevance
/// is negative.
pub fn ndcg(relevance: &[f64], scores: &[f64], k: Option<usize>) -> Result<f64> {
    check(relevance, scores)?;
    let best = gain(relevance, relevance, k);
    Ok(if best > 0.0 {
        gain(relevance, scores, k) / best
    } else {
        0.0
    })
}

/// One divided by the rank of a query's first relevant candidate; 0 where none of the first `k`, or of all, is relevant.
/// The mean over queries is MRR (Voorhees, 1999).
///
/// `relevance` and `scores`: one each for the same candidates; relevant is what has more than 0. Of candidates with the
/// same score the relevant one comes last, so that a model that scores all alike gains nothing by their order: with
/// one relevant candidate it is scikit-learn's `label_ranking_average_precision_score`.
///
/// ```
/// use wgformer::evaluation::reciprocal_rank;
///
/// assert_eq!(reciprocal_rank(&[0.0, 1.0, 1.0], &[0.9, 0.5, 0.1], None)?, 0.5);
/// assert_eq!(reciprocal_rank(&[0.0, 1.0, 1.0], &[0.9, 0.9, 0.1], None)?, 0.5);
/// assert_eq!(reciprocal_rank(&[0.0, 1.0, 1.0], &[0.9, 0.5, 0.1], Some(1))?, 0.0);
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`ndcg`].
pub fn reciprocal_rank(relevance: &[f64], scores: &[f64], k: Option<usize>) -> Result<f64> {
    check(relevance, scores)?;
    let candidates = relevance.iter().zip(scores);
    let relevant = candidates
        .clone()
        .filter(|(relevance, _)| **relevance > 0.0);
    let Some(best) = relevant.map(|(_, score)| *score).reduce(f64::max) else {
        return Ok(0.0);
    };
    let others = candidates.filter(|(relevance, score)| **relevance <= 0.0 && **score >= best);
    let rank = 1 + others.count();
    Ok(if rank <= k.unwrap_or(usize::MAX) {
        1.0 / rank as f64
    } else {
        0.0
    })
}

fn check(relevance: &[f64], scores: &[f64]) -> Result<()> {
    check_lengths(relevance.len(), scores.len(), "candidates")?;
    check_numbers("relevance", relevance)?;
    check_numbers("score", scores)?;
    match relevance.iter().position(|value| *value < 0.0) {
        None => Ok(()),
        Some(place) => Err(input(format!(
            "relevance {place} is {}, and must be at least 0",
            relevance[place]
        ))),
    }
}

/// In the order of `scores`, the highest first.
fn gain(relevance: &[f64], scores: &[f64], k: Option<usize>) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let discount = |rank: usize| match k {
        Some(k) if rank >= k => 0.0,
        _ => 1.0 / (rank as f64 + 2.0).log2(),
    };
    let (mut gain, mut rank) = (0.0, 0);
    for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let mean = tied.iter().map(|it| relevance[*it]).sum::<f64>() / tied.len() as f64;
        let discounts: f64 = (rank..rank + tied.len()).map(discount).sum();
        gain += mean * discounts;
        rank += tied.len();
    }
    gain
}
