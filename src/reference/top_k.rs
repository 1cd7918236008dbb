use std::ops::Range;

use crate::tensor::Tensor;

/// The score of nothing, whose place is -1: below that of anything.
const NOTHING: (f32, f32) = (f32::MIN, -1.0);

/// Of each row the `k` largest scores with their places, of those in `best` and of the row's own, in the order in which
/// they stand; of equal ones the earlier are taken. Where there are fewer than `k`, nothing fills the rest, in front.
///
/// `scores`: `[rows, cols]`, of which column c stands at `places.start + c`, and none at or beyond `places.end`;
/// `best` and the result: `[rows, 2 * k]`, `k` scores and then their `k` places.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let scores = Tensor::new([1, 3], vec![0.5, 0.1, 0.9]);
/// let best = reference::top_k(&scores, None, &(0..3), 2);
/// assert_eq!(best.f32(), [0.5, 0.9, 0.0, 2.0]); // scores, and then places
/// ```
#[must_use]
pub fn top_k(scores: &Tensor, best: Option<&Tensor>, places: &Range<usize>, k: usize) -> Tensor {
    let rows = scores.rows().enumerate().flat_map(|(row, scores)| {
        let before = best.map_or(vec![NOTHING; k], |best| {
            let (scores, places) = best.f32()[2 * k * row..2 * k * (row + 1)].split_at(k);
            scores.iter().copied().zip(places.iter().copied()).collect()
        });
        let own = scores.iter().copied().zip(places.clone());
        let own = own.map(|(score, place)| (score, place as f32));
        let taken = largest(&before.into_iter().chain(own).collect::<Vec<_>>(), k);
        let (scores, places): (Vec<f32>, Vec<f32>) = taken.into_iter().unzip();
        [scores, places].concat()
    });
    let rows: Vec<f32> = rows.collect();
    Tensor::new([scores.shape()[0], 2 * k], rows)
}

/// The `k` largest of `candidates`, in their order.
fn largest(candidates: &[(f32, f32)], k: usize) -> Vec<(f32, f32)> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let score = |place: usize| candidates[place].0 + 0.0; // zeros of both signs are one
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a))); // stable
    order.truncate(k);
    order.sort_unstable();
    order.into_iter().map(|place| candidates[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_before_stand_first_and_the_earlier_of_equals_are_taken() {
        let scores = Tensor::new([2, 4], vec![5.0, 7.0, 7.0, 9.0, -1.0, 0.0, -0.0, 9.0]);
        let first = top_k(&scores, None, &(0..3), 2);
        assert_eq!(first.f32(), [7.0, 7.0, 1.0, 2.0, 0.0, 0.0, 1.0, 2.0]);
        let one_alone = top_k(&scores, None, &(0..1), 2);
        assert_eq!(one_alone.f32()[..4], [f32::MIN, 5.0, -1.0, 0.0]);
        let then = top_k(&scores, Some(&first), &(4..8), 2);
        assert_eq!(then.f32(), [7.0, 9.0, 1.0, 7.0, 0.0, 9.0, 1.0, 7.0]);
    }
}
