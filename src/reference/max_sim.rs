use super::linear::dot;
use super::rounded;
use crate::tensor::Tensor;

/// How well each segment answers a query, by late interaction (MaxSim; Khattab and Zaharia, 2020):
/// `y[s] = sum over q of max over t of queries[q] · x[t]`, over the tokens t of segment s; one without tokens gives 0.
///
/// `queries`: `[queries, cols]`; `x`: `[tokens, cols]`; `segment_offsets`: `[sequences + 1]`; the result:
/// `[sequences, 1]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let queries = Tensor::new([2, 1], vec![1.0, -1.0]);
/// let x = Tensor::new([3, 1], vec![2.0, 5.0, 7.0]);
/// let segment_offsets = Tensor::new([3], vec![0_u32, 2, 3]); // two tokens, and one
/// assert_eq!(reference::max_sim(&queries, &x, &segment_offsets).f32(), [5.0 - 2.0, 7.0 - 7.0]);
/// ```
#[must_use]
pub fn max_sim(queries: &Tensor, x: &Tensor, segment_offsets: &Tensor) -> Tensor {
    let rows: Vec<&[f32]> = x.rows().collect();
    let segments = segment_offsets.u32().windows(2);
    let sums = segments.map(|pair| {
        let rows = &rows[pair[0] as usize..pair[1] as usize];
        let best = |query| rows.iter().map(|row| dot(query, row)).reduce(f64::max);
        queries.rows().filter_map(best).sum()
    });
    rounded(&[segment_offsets.u32().len() - 1, 1], sums)
}
