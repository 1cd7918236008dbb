//! The blocks that encoders are made of.

use super::builder::{Linear, LinearNames};
use super::{Builder, Config};
use crate::error::Result;
use crate::graph::{Graph, TensorId};
use crate::ops::{Activation, AttentionOptions, Qkv};

/// A norm's tensors in the checkpoint, without `.weight` and `.bias`.
#[derive(Clone, Debug)]
pub(super) struct NormNames {
    name: String,
    bias: bool,
}

impl NormNames {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bias: true,
        }
    }

    pub(super) fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }
}

/// The front end: what is added up for each token, and mostly normalised.
#[derive(Clone, Debug)]
pub(super) struct EmbeddingNames {
    pub(super) word: &'static str,
    /// A table of positions, if they are embedded so, and its rows.
    pub(super) position: Option<(&'static str, usize)>,
    /// A table of token types, if there are any, and its rows.
    pub(super) token_type: Option<(&'static str, usize)>,
    pub(super) norm: Option<NormNames>,
}

/// The sum of a token's embeddings, normalised if it is to be: `[tokens, columns]`.
///
/// Where an architecture has no table of one kind, one of zeros takes its place.
pub(super) fn embeddings(
    builder: &mut Builder<'_>,
    names: &EmbeddingNames,
    vocabulary: usize,
    columns: usize,
    eps: f32,
) -> Result<TensorId> {
    embeddings_from(
        builder,
        names,
        vocabulary,
        columns,
        eps,
        |builder, name, rows| builder.parameter(name, [rows, columns]),
    )
}

/// The same from tables that `table` finds by name and number of rows, `[rows, columns]`.
pub(super) fn embeddings_from(
    builder: &mut Builder<'_>,
    names: &EmbeddingNames,
    vocabulary: usize,
    columns: usize,
    eps: f32,
    table: impl Fn(&mut Builder<'_>, &str, usize) -> Result<TensorId>,
) -> Result<TensorId> {
    let ids = builder.graph.ids("ids", vocabulary);
    let word = table(builder, names.word, vocabulary)?;
    let position = match names.position {
        Some((name, rows)) => Some((
            builder.graph.ids("positions", rows),
            table(builder, name, rows)?,
        )),
        None => None,
    };
    let type_rows = names.token_type.map_or(1, |(_, rows)| rows);
    let types = builder.graph.ids("types", type_rows);
    let token_type = match names.token_type {
        Some((name, rows)) => table(builder, name, rows)?,
        None => builder.zeros([type_rows, columns]),
    };
    let (positions, position) = match position {
        Some(it) => it,
        None => (types, builder.zeros([type_rows, columns])),
    };
    let (indices, tables) = ([ids, positions, types], [word, position, token_type]);
    let sum = builder.graph.embedding_sum(indices, tables)?;
    match &names.norm {
        None => Ok(sum),
        Some(names) => norm(builder, sum, names, columns, eps),
    }
}

/// The sizes of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerSizes {
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) eps: f32,
    pub(super) activation: Activation,
}

impl LayerSizes {
    /// The columns of a head.
    ///
    /// # Errors
    /// [`crate::Error::Malformed`] if heads do not divide the hidden states.
    pub(super) fn head_dim(&self, config: &Config) -> Result<usize> {
        let Self { hidden, heads, .. } = *self;
        if hidden.is_multiple_of(heads) {
            return Ok(hidden / heads);
        }
        Err(config.malformed(format!(
            "hidden size {hidden} is no multiple of the number of attention heads, {heads}"
        )))
    }
}

/// How a layer's tokens attend to one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attending {
    pub(super) segment_offsets: TensorId,
    /// Positions, and the table of cosines and sines by which queries and keys are rotated.
    pub(super) rotary: Option<(TensorId, TensorId)>,
    /// The farthest that a key may be, to each side.
    pub(super) window: Option<usize>,
    /// Whether to none behind.
    pub(super) causal: bool,
    /// What is added to scores by distance.
    pub(super) bias: Option<TensorId>,
    /// How scores depend on where tokens are to each other, instead of a bias and a window.
    pub(super) disentangled: Option<Disentangled>,
}

/// Keys and queries of distances ([`crate::Graph::disentangled_attention`]).
#[derive(Clone, Copy, Debug)]
pub(super) struct Disentangled {
    pub(super) positions: [TensorId; 2],
    pub(super) scale: f32,
}

impl Attending {
    /// To every token of the same sequence alike.
    pub(super) fn everywhere(segment_offsets: TensorId) -> Self {
        Self {
            segment_offsets,
            rotary: None,
            window: None,
            causal: false,
            bias: None,
            disentangled: None,
        }
    }
}

/// The feed-forward block.
#[derive(Clone, Debug)]
pub(super) enum FeedForwardNames {
    /// `output(activation(input(x)))`
    Plain {
        input: LinearNames,
        output: LinearNames,
    },
    /// `output(activation(gate(x)) * up(x))` (Shazeer, 2020)
    Gated {
        gate: LinearNames,
        up: LinearNames,
        output: LinearNames,
    },
}

/// The names of a layer's tensors in the checkpoint.
#[derive(Clone, Debug)]
pub(super) struct LayerNames {
    pub(super) qkv: Qkv<LinearNames>,
    pub(super) attention_output: LinearNames,
    /// `None` where the embeddings were normalised just before.
    pub(super) attention_norm: Option<NormNames>,
    pub(super) feed_forward: FeedForwardNames,
    pub(super) output_norm: NormNames,
}

impl LayerNames {
    /// As transformers names the modules of models that it has since version 5, without those of the feed-forward block,
    /// which `feed_forward` gives; `biases`: of the projections of attention.
    pub(super) fn of_transformers(
        layer: usize,
        biases: bool,
        feed_forward: impl FnOnce(&dyn Fn(&str) -> LinearNames) -> FeedForwardNames,
    ) -> Self {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let linear = |part: &str| LinearNames::new(name(part));
        let projection = |part: &str| linear(part).bias(biases);
        Self {
            qkv: Qkv {
                query: projection("self_attn.q_proj"),
                key: projection("self_attn.k_proj"),
                value: projection("self_attn.v_proj"),
            },
            attention_output: projection("self_attn.o_proj"),
            attention_norm: Some(NormNames::new(name("post_attention_layernorm"))),
            feed_forward: feed_forward(&linear),
            output_norm: NormNames::new(name("post_mlp_layernorm")),
        }
    }
}

/// Post-norm layers, as in BERT: `x = norm(x + attention(x)); x = norm(x + feed_forward(x))`.
///
/// `x` and the result: `[tokens, hidden]`.
pub(super) fn post_norm_layers(
    builder: &mut Builder<'_>,
    mut x: TensorId,
    attending: Attending,
    names: impl Iterator<Item = LayerNames>,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    for names in names {
        x = post_norm_layer(builder, x, attending, &names, sizes)?;
    }
    Ok(x)
}

fn post_norm_layer(
    builder: &mut Builder<'_>,
    x: TensorId,
    attending: Attending,
    names: &LayerNames,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let attended = attention(builder, x, attending, names, sizes)?;
    let mut x = builder.graph.add(attended, x)?;
    if let Some(attention_norm) = &names.attention_norm {
        x = norm(builder, x, attention_norm, sizes.hidden, sizes.eps)?;
    }
    let fed_forward = feed_forward(builder, x, &names.feed_forward, sizes)?;
    let x = builder.graph.add(fed_forward, x)?;
    norm(builder, x, &names.output_norm, sizes.hidden, sizes.eps)
}

/// A pre-norm layer, as in ModernBERT: `x = x + attention(norm(x)); x = x + feed_forward(norm(x))`.
///
/// `x` and the result: `[tokens, hidden]`.
pub(super) fn pre_norm_layer(
    builder: &mut Builder<'_>,
    x: TensorId,
    attending: Attending,
    names: &LayerNames,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let normal = match &names.attention_norm {
        Some(attention_norm) => norm(builder, x, attention_norm, sizes.hidden, sizes.eps)?,
        None => x,
    };
    let attended = attention(builder, normal, attending, names, sizes)?;
    let x = builder.graph.add(attended, x)?;
    let normal = norm(builder, x, &names.output_norm, sizes.hidden, sizes.eps)?;
    let fed_forward = feed_forward(builder, normal, &names.feed_forward, sizes)?;
    builder.graph.add(fed_forward, x)
}

fn attention(
    builder: &mut Builder<'_>,
    x: TensorId,
    attending: Attending,
    names: &LayerNames,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let hidden = sizes.hidden;
    let mut of = |names| builder.linear(names, hidden, hidden);
    let parts = [
        of(&names.qkv.query)?,
        of(&names.qkv.key)?,
        of(&names.qkv.value)?,
    ];
    let output = builder.linear(&names.attention_output, hidden, hidden)?;
    let [query, key, value] = parts.map(|part| part.weight);
    let biases = match parts.map(|part| part.bias) {
        [Some(query), Some(key), Some(value)] => Some(Qkv { query, key, value }),
        _ => None,
    };

    let expanded = builder.expanded;
    if attending.disentangled.is_some() && expanded {
        return Err(builder.lacks_expansion());
    }
    let graph = &mut builder.graph;
    let mut qkv = graph.qkv_linear(x, Qkv { query, key, value }, biases, sizes.heads)?;
    if let Some((positions, table)) = attending.rotary {
        qkv = graph.rotary(qkv, positions, table)?;
    }
    builder.watch.layer(graph, qkv, attending, sizes)?;
    let context = attend(graph, qkv, attending, sizes, expanded)?;
    graph.linear(context, output.weight, output.bias)
}

/// What tokens attend to, `[tokens, hidden]`, by their queries, keys and values; these are rotated already.
pub(super) fn attend(
    graph: &mut Graph,
    qkv: TensorId,
    attending: Attending,
    sizes: &LayerSizes,
    expanded: bool,
) -> Result<TensorId> {
    let segment_offsets = attending.segment_offsets;
    match attending.disentangled {
        Some(Disentangled { positions, scale }) => {
            graph.disentangled_attention(qkv, segment_offsets, positions, scale)
        }
        None => {
            let options = options(attending, sizes).expanded(expanded);
            graph.attention(qkv, segment_offsets, options)
        }
    }
}

fn options(attending: Attending, sizes: &LayerSizes) -> AttentionOptions {
    let scale = 1.0 / ((sizes.hidden / sizes.heads) as f32).sqrt();
    let mut options = AttentionOptions::new(scale).causal(attending.causal);
    if let Some(window) = attending.window {
        options = options.window(window);
    }
    if let Some(bias) = attending.bias {
        options = options.bias(bias);
    }
    options
}

fn feed_forward(
    builder: &mut Builder<'_>,
    x: TensorId,
    names: &FeedForwardNames,
    sizes: &LayerSizes,
) -> Result<TensorId> {
    let (hidden, inner) = (sizes.hidden, sizes.intermediate);
    let (activated, output) = match names {
        FeedForwardNames::Plain { input, output } => {
            let input = builder.linear(input, inner, hidden)?;
            let activated = activated_linear(builder, x, input, sizes.activation)?;
            (activated, output)
        }
        FeedForwardNames::Gated { gate, up, output } => {
            let gate = builder.linear(gate, inner, hidden)?;
            let up = builder.linear(up, inner, hidden)?;
            let gate = activated_linear(builder, x, gate, sizes.activation)?;
            let up = builder.graph.linear(x, up.weight, up.bias)?;
            (builder.graph.multiply(up, gate)?, output)
        }
    };
    let output = builder.linear(output, hidden, inner)?;
    builder.graph.linear(activated, output.weight, output.bias)
}

/// `activation(x · weight^T + bias)`
pub(super) fn activated_linear(
    builder: &mut Builder<'_>,
    x: TensorId,
    Linear { weight, bias }: Linear,
    activation: Activation,
) -> Result<TensorId> {
    let y = builder.graph.linear(x, weight, bias)?;
    builder.graph.activation(y, activation)
}

/// `x` and the result: `[rows, columns]`.
pub(super) fn norm(
    builder: &mut Builder<'_>,
    x: TensorId,
    names: &NormNames,
    columns: usize,
    eps: f32,
) -> Result<TensorId> {
    let (weight, bias) = norm_parameters(builder, names, columns)?;
    builder.graph.layer_norm(x, weight, bias, eps)
}

fn norm_parameters(
    builder: &mut Builder<'_>,
    NormNames { name, bias }: &NormNames,
    columns: usize,
) -> Result<(TensorId, TensorId)> {
    let weight = builder.parameter(&format!("{name}.weight"), [columns])?;
    let bias = match bias {
        true => builder.parameter(&format!("{name}.bias"), [columns])?,
        false => builder.zeros([columns]),
    };
    Ok((weight, bias))
}
