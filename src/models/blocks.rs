//! The blocks that encoders are made of.

use super::Builder;
use crate::error::Result;
use crate::graph::TensorId;
use crate::ops::{AttentionOptions, Qkv};

/// What a family builds: the hidden states, and what a batch must keep to.
///
/// See [`Family`](super::Family).
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    /// The last layer's hidden states: `[tokens, hidden]`.
    pub hidden_states: TensorId,
    /// The input that says where each sequence starts: `[sequences + 1]`.
    pub segment_offsets: TensorId,
    /// The columns of the hidden states.
    pub hidden: usize,
    /// The longest sequence, in tokens, special tokens included.
    pub max_tokens: usize,
}

/// The sizes of a layer, and where its tensors are.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerSizes {
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) eps: f32,
}

/// The names of a layer's tensors in the checkpoint, without `.weight` and `.bias`.
#[derive(Clone, Debug)]
pub(super) struct LayerNames {
    pub(super) qkv: Qkv<String>,
    pub(super) attention_output: String,
    pub(super) attention_norm: String,
    pub(super) intermediate: String,
    pub(super) output: String,
    pub(super) output_norm: String,
}

/// A post-norm layer, as in BERT: `x = norm(x + attention(x)); x = norm(x + feed_forward(x))`.
///
/// `x` and the result: `[tokens, hidden]`.
pub(super) fn post_norm_layer(
    builder: &mut Builder<'_>,
    x: TensorId,
    segment_offsets: TensorId,
    names: &LayerNames,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let context = self_attention(builder, x, segment_offsets, &names.qkv, sizes)?;
    let (weight, bias) = builder.linear(&names.attention_output, sizes.hidden, sizes.hidden)?;
    let attended = builder.graph.linear(context, weight, Some(bias))?;
    let x = add_and_norm(builder, attended, x, &names.attention_norm, sizes)?;

    let (weight, bias) = builder.linear(&names.intermediate, sizes.intermediate, sizes.hidden)?;
    let inner = builder.graph.linear(x, weight, Some(bias))?;
    let inner = builder.graph.gelu(inner)?;
    let (weight, bias) = builder.linear(&names.output, sizes.hidden, sizes.intermediate)?;
    let fed_forward = builder.graph.linear(inner, weight, Some(bias))?;
    add_and_norm(builder, fed_forward, x, &names.output_norm, sizes)
}

fn self_attention(
    builder: &mut Builder<'_>,
    x: TensorId,
    segment_offsets: TensorId,
    names: &Qkv<String>,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let hidden = sizes.hidden;
    let (query, query_bias) = builder.linear(&names.query, hidden, hidden)?;
    let (key, key_bias) = builder.linear(&names.key, hidden, hidden)?;
    let (value, value_bias) = builder.linear(&names.value, hidden, hidden)?;
    let weights = Qkv { query, key, value };
    let biases = Qkv {
        query: query_bias,
        key: key_bias,
        value: value_bias,
    };
    let qkv = builder
        .graph
        .qkv_linear(x, weights, Some(biases), sizes.heads)?;
    let scale = 1.0 / ((hidden / sizes.heads) as f32).sqrt();
    builder
        .graph
        .attention(qkv, segment_offsets, AttentionOptions::new(scale))
}

fn add_and_norm(
    builder: &mut Builder<'_>,
    x: TensorId,
    residual: TensorId,
    name: &str,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let sum = builder.graph.add(x, residual)?;
    let (weight, bias) = builder.norm(name, sizes.hidden)?;
    builder.graph.layer_norm(sum, weight, bias, sizes.eps)
}
