use super::rounded;
use crate::tensor::Tensor;

/// How the tokens of a sequence become one vector.
///
/// See [`pool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooling {
    /// The mean over its tokens, special tokens included.
    Mean,
    /// The maximum over its tokens, column by column.
    Max,
    /// The first token, which BERT calls `[CLS]`.
    Cls,
    /// The last token.
    Last,
    /// The sum over its tokens, divided by the root of their count.
    MeanSqrtLen,
    /// The mean over its tokens, weighted by their places: the first has weight 1, the second 2, and so on.
    WeightedMean,
}

/// One vector per segment, of length 1 if `normalize` is set; a segment without tokens gives zeros.
///
/// `x`: `[tokens, hidden]`; `segment_offsets`: `[sequences + 1]`; the result: `[sequences, hidden]`.
/// As in PyTorch's `normalize`, a vector shorter than 1e-12 is divided by 1e-12.
///
/// ```
/// use wgformer::reference::{Pooling, pool};
/// use wgformer::tensor::Tensor;
///
/// let x = Tensor::new([3, 1], vec![1.0, 3.0, 5.0]);
/// let segment_offsets = Tensor::new([3], vec![0_u32, 2, 3]); // two tokens, and one
/// assert_eq!(pool(&x, &segment_offsets, Pooling::Mean, false).f32(), [2.0, 5.0]);
/// assert_eq!(pool(&x, &segment_offsets, Pooling::MeanSqrtLen, false).f32(), [4.0 / 2_f32.sqrt(), 5.0]);
/// assert_eq!(pool(&x, &segment_offsets, Pooling::WeightedMean, false).f32(), [7.0 / 3.0, 5.0]);
/// ```
#[must_use]
pub fn pool(x: &Tensor, segment_offsets: &Tensor, pooling: Pooling, normalize: bool) -> Tensor {
    let (hidden, rows) = (x.cols(), x.rows().collect::<Vec<_>>());
    let segments = segment_offsets
        .u32()
        .windows(2)
        .map(|pair| &rows[pair[0] as usize..pair[1] as usize]);
    let vectors = segments.flat_map(|rows| {
        let mut vector: Vec<f64> = (0..hidden).map(|c| pooled(rows, c, pooling)).collect();
        if normalize {
            let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
            vector.iter_mut().for_each(|x| *x /= length);
        }
        vector
    });
    rounded(&[segment_offsets.u32().len() - 1, hidden], vectors)
}

fn pooled(rows: &[&[f32]], c: usize, pooling: Pooling) -> f64 {
    let mut column = rows.iter().map(|row| f64::from(row[c]));
    let count = rows.len().max(1) as f64;
    let value = match pooling {
        Pooling::Mean => Some(column.sum::<f64>() / count),
        Pooling::Max => column.reduce(f64::max),
        Pooling::Cls => column.next(),
        Pooling::Last => column.next_back(),
        Pooling::MeanSqrtLen => Some(column.sum::<f64>() / count.sqrt()),
        Pooling::WeightedMean => {
            let weighted = (1_u32..)
                .zip(column)
                .map(|(weight, x)| f64::from(weight) * x);
            Some(weighted.sum::<f64>() / (count * (count + 1.0) / 2.0))
        }
    };
    value.unwrap_or(0.0)
}
