use super::attention::{attended, entry_of, row};
use super::linear::dot;
use crate::tensor::Tensor;

/// Attention within each segment by what tokens are and by where they are to each other (He and others, 2021): the
/// values weighted by the softmax of
/// `scale * (query[h, q] · key[h, k] + query[h, q] · position_keys[d, h] + position_queries[d, h] · key[h, k])`,
/// with `d = clamp(k - q, -reach, reach) + reach`.
///
/// `qkv`: query, key and value, `[3, heads, tokens, head_dim]`; `segment_offsets`: `[sequences + 1]`;
/// `positions`: keys and queries, `[2 * reach + 1, heads * head_dim]` each; the result: `[tokens, heads * head_dim]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// // One head of one element, two tokens of one sequence, alike but for their values.
/// let qkv = Tensor::new([3, 1, 2, 1], vec![1.0, 1.0, 1.0, 1.0, 5.0, 6.0]);
/// let segment_offsets = Tensor::new([2], vec![0_u32, 2]);
/// let keys = Tensor::new([3, 1], vec![0.0, 0.0, 80.0]); // of the token before, of the same, of the one behind
/// let queries = Tensor::new([3, 1], vec![80.0, 0.0, 0.0]);
/// let y = reference::disentangled_attention(&qkv, &segment_offsets, [&keys, &queries], 1.0);
/// assert_eq!(y.f32(), [6.0, 5.0]);
/// ```
#[must_use]
pub fn disentangled_attention(
    qkv: &Tensor,
    segment_offsets: &Tensor,
    positions: [&Tensor; 2],
    scale: f32,
) -> Tensor {
    let head_dim = qkv.cols();
    let reach = positions[0].shape()[0] / 2;
    let everything = |_, _| true;
    attended(
        qkv,
        segment_offsets,
        false,
        everything,
        |head, query, key| {
            let start = entry_of(query, key, reach) * positions[0].cols() + head * head_dim;
            let [position_key, position_query] =
                positions.map(|table| &table.f32()[start..start + head_dim]);
            let (query, key) = (row(qkv, 0, head, query), row(qkv, 1, head, key));
            f64::from(scale)
                * (dot(query, key) + dot(query, position_key) + dot(position_query, key))
        },
    )
}
