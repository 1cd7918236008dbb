use super::linear::dot;
use super::rounded;
use crate::tensor::Tensor;

/// Scaled dot-product attention within each segment (Vaswani and others, 2017):
/// `y[q, h * head_dim + d] = sum over keys of softmax(scale * query[h, q] · key[h, key] + bias) * value[h, key, d]`,
/// over the keys at most `window` positions away, or all, if `causal` without those behind `q`, with
/// `bias[h, clamp(key - q, -reach, reach) + reach]`, or without; if `expanded`, every second segment attends to the one
/// before it rather than to itself. Where there is no key, zeros.
///
/// `qkv`: query, key and value, `[3, heads, tokens, head_dim]`; `segment_offsets`: `[sequences + 1]`;
/// `bias`: `[heads, 2 * reach + 1]`; the result: `[tokens, heads * head_dim]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// // One head of one element; each token is a sequence of its own, and so attends to itself alone.
/// let qkv = Tensor::new([3, 1, 2, 1], vec![1.0, 1.0, 1.0, 1.0, 5.0, 6.0]);
/// let segment_offsets = Tensor::new([3], vec![0_u32, 1, 2]);
/// assert_eq!(reference::attention(&qkv, &segment_offsets, 1.0, None, None, false, false).f32(), [5.0, 6.0]);
/// // The second expands the first, and attends to it.
/// assert_eq!(reference::attention(&qkv, &segment_offsets, 1.0, None, None, true, false).f32(), [5.0, 5.0]);
/// // In one sequence, of equal scores, the first token sees itself alone and the second both.
/// let segment_offsets = Tensor::new([2], vec![0_u32, 2]);
/// assert_eq!(reference::attention(&qkv, &segment_offsets, 1.0, None, None, false, true).f32(), [5.0, 5.5]);
/// ```
#[must_use]
pub fn attention(
    qkv: &Tensor,
    segment_offsets: &Tensor,
    scale: f32,
    window: Option<usize>,
    bias: Option<&Tensor>,
    expanded: bool,
    causal: bool,
) -> Tensor {
    let sees = |query: usize, key: usize| {
        window.is_none_or(|it| key.abs_diff(query) <= it) && !(causal && key > query)
    };
    attended(qkv, segment_offsets, expanded, sees, |head, query, key| {
        let bias = bias.map_or(0.0, |bias| bias_of(bias, head, query, key));
        let product = dot(row(qkv, 0, head, query), row(qkv, 1, head, key));
        f64::from(scale) * product + bias
    })
}

/// The values of the keys that a query of the same segment, or of the one that expands it, sees, weighted by the softmax
/// of their scores, which are of head, query and key.
pub(super) fn attended(
    qkv: &Tensor,
    segment_offsets: &Tensor,
    expanded: bool,
    sees: impl Fn(usize, usize) -> bool,
    score: impl Fn(usize, usize, usize) -> f64,
) -> Tensor {
    let [_, heads, tokens, head_dim] = *qkv.shape() else {
        panic!("qkv is [3, heads, tokens, head_dim]")
    };
    let mut values = vec![0.0; tokens * heads * head_dim];
    let offsets = segment_offsets.u32();
    let segment = |at: usize| offsets[at] as usize..offsets[at + 1] as usize;
    for sequence in 0..offsets.len() - 1 {
        let attended = segment(sequence - if expanded { sequence % 2 } else { 0 });
        for (query, head) in
            segment(sequence).flat_map(|query| (0..heads).map(move |head| (query, head)))
        {
            let keys = attended.clone().filter(|key| sees(query, *key));
            let scores = keys.clone().map(|key| score(head, query, key));
            let weights = softmax_of(&scores.collect::<Vec<_>>());
            let context = &mut values[(query * heads + head) * head_dim..][..head_dim];
            for (key, weight) in keys.zip(weights) {
                for (context, value) in context.iter_mut().zip(row(qkv, 2, head, key)) {
                    *context += weight * f64::from(*value);
                }
            }
        }
    }
    rounded(&[tokens, heads * head_dim], values)
}

/// Of a head, a token's query (part 0), key (1) or value (2).
pub(super) fn row(qkv: &Tensor, part: usize, head: usize, token: usize) -> &[f32] {
    let [_, heads, tokens, head_dim] = *qkv.shape() else {
        panic!("qkv is [3, heads, tokens, head_dim]")
    };
    let start = ((part * heads + head) * tokens + token) * head_dim;
    &qkv.f32()[start..start + head_dim]
}

/// `bias[head, clamp(key - query, -reach, reach) + reach]`
fn bias_of(bias: &Tensor, head: usize, query: usize, key: usize) -> f64 {
    let reach = bias.shape()[1] / 2;
    bias.f32()[head * (2 * reach + 1) + entry_of(query, key, reach)].into()
}

/// `clamp(key - query, -reach, reach) + reach`
pub(super) fn entry_of(query: usize, key: usize, reach: usize) -> usize {
    (key + reach).saturating_sub(query).min(2 * reach)
}

/// `exp(x[i] - max) / sum`, in f64.
pub(super) fn softmax_of(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = x.iter().map(|x| (x - max).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials
        .iter()
        .map(|exponential| exponential / sum)
        .collect()
}
