//! ModernBERT (Warner and others, 2024): pre-norm, gated, rotated positions, and on most layers a window; as in
//! transformers' `modeling_modernbert.py`.

mod flex_bert;

use serde_json::{Map, Value, json};

use super::blocks::{
    Attending, EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings,
    norm, pre_norm_layer,
};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames, Transform};
use super::positions::{Rotary, rotary_from, rotary_table};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::{Pooling, Qkv};

/// Dropout, training, and what every published configuration carries although nothing reads it.
const HARMLESS: &[&str] = &[
    "attention_dropout",
    "classifier_dropout",
    "cls_token_id",
    "deterministic_flash_attn",
    "embedding_dropout",
    "initializer_cutoff_factor",
    "layer_norm_eps",
    "mlp_dropout",
    "reference_compile",
    "repad_logits_with_grad",
    "sparse_pred_ignore_index",
    "sparse_prediction",
];

/// The encoder of a ModernBERT checkpoint, with or without the `model.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let sizes = LayerSizes {
        hidden: config.size("hidden_size", 768)?,
        heads: config.size("num_attention_heads", 12)?,
        intermediate: config.size("intermediate_size", 1152)?,
        eps: config.positive("norm_eps", 1e-5)?,
        activation: config.activation("hidden_activation", "gelu")?,
    };
    let biases = Biases {
        norm: config.boolean("norm_bias", false)?,
        attention: config.boolean("attention_bias", false)?,
        feed_forward: config.boolean("mlp_bias", false)?,
    };
    let layers = config.size("num_hidden_layers", 22)?;
    let vocabulary = config.size("vocab_size", 50368)?;
    let max_positions = config.size("max_position_embeddings", 8192)?;
    let window = config.size("local_attention", 128)? / 2;
    let is_local = local_layers(config, layers)?;
    let head_dim = sizes.head_dim(config)?;
    let [global, local] = rotaries(config, head_dim)?;
    flex_bert::expect_the_same(config, [global.theta, local.theta], head_dim)?;
    // What published configurations say, though positions are rotated: the first ModernBERT's, mmBERT's.
    config.expect(
        "position_embedding_type",
        &[json!("absolute"), json!("sans_pos")],
    )?;
    config.refuse_unknown(&[HARMLESS, HEADS, flex_bert::HARMLESS].concat())?;

    builder.set_prefixes(&["model."]);
    let names = EmbeddingNames {
        word: "embeddings.tok_embeddings.weight",
        position: None,
        token_type: None,
        norm: Some(NormNames::new("embeddings.norm").bias(biases.norm)),
    };
    let mut x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let positions = builder.graph.ids("positions", max_positions);
    let segment_offsets = builder.graph.segment_offsets();
    let global = rotary_table(builder, max_positions, head_dim, &global)?;
    let local = rotary_table(builder, max_positions, head_dim, &local)?;
    for (layer, is_local) in is_local.into_iter().enumerate() {
        let table = if is_local { local } else { global };
        let attending = Attending {
            rotary: Some((positions, table)),
            window: is_local.then_some(window),
            ..Attending::everywhere(segment_offsets)
        };
        let names = layer_names(layer, biases, &sizes);
        x = pre_norm_layer(builder, x, attending, &names, &sizes)?;
    }
    let final_norm = NormNames::new("final_norm").bias(biases.norm);
    let x = norm(builder, x, &final_norm, sizes.hidden, sizes.eps)?;
    Ok(Encoder {
        reads_types: false,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_positions)
    })
}

/// Its heads: one transformation for all of them.
pub(super) fn heads(config: &Config) -> Result<Heads> {
    let transform = Transform {
        dense: LinearNames::new("head.dense").bias(config.boolean("classifier_bias", false)?),
        activation: config.activation("classifier_activation", "gelu")?,
        norm: Some(NormNames::new("head.norm").bias(config.boolean("norm_bias", false)?)),
    };
    config.expect("classifier_pooling", &[json!("cls"), json!("mean")])?;
    let by_mean = config
        .value("classifier_pooling")
        .is_some_and(|it| it == "mean");
    let has_bias = config.boolean("decoder_bias", true)?;
    Ok(Heads {
        pooling: if by_mean { Pooling::Mean } else { Pooling::Cls },
        sequence: transform.clone(),
        sequence_classifier: "classifier",
        token: Some(transform.clone()),
        span_classifier: "classifier",
        masked_lm: MaskedLmNames {
            transform: Some(transform),
            decoder: "decoder",
            embeddings: Some("embeddings.tok_embeddings.weight"),
            bias: has_bias.then_some("decoder.bias"),
        },
    })
}

/// What heads read.
const HEADS: &[&str] = &[
    "classifier_activation",
    "classifier_bias",
    "classifier_pooling",
    "decoder_bias",
];

/// Which parts have a bias.
#[derive(Clone, Copy)]
struct Biases {
    norm: bool,
    attention: bool,
    feed_forward: bool,
}

/// Whether each layer attends within a window: by its type, or all but every third.
fn local_layers(config: &Config, layers: usize) -> Result<Vec<bool>> {
    let every = config.size("global_attn_every_n_layers", 3)?;
    let Some(types) = config.value("layer_types") else {
        return Ok((0..layers).map(|layer| layer % every != 0).collect());
    };
    let types = types.as_array().map_or(&[][..], Vec::as_slice);
    if types.len() != layers {
        return Err(config.malformed(format!(
            "layer_types must name {layers} layers, names {}",
            types.len()
        )));
    }
    let is_local = |kind: &Value| match kind.as_str() {
        Some("full_attention") => Ok(false),
        Some("sliding_attention") => Ok(true),
        _ => Err(config.unsupported("layer type", kind.to_string(), KINDS.join(", "))),
    };
    types.iter().map(is_local).collect()
}

/// The rotations of layers without a window, and of those with one.
fn rotaries(config: &Config, head_dim: usize) -> Result<[Rotary; 2]> {
    let global = config.positive("global_rope_theta", 160_000.0)?;
    // Null says that it is the same, as transformers 4 reads it (5 fails on it); without the key it is another.
    let local = match config.peek("local_rope_theta") {
        Some(Value::Null) => global,
        _ => 10_000.0,
    };
    let thetas = [global, config.positive("local_rope_theta", local)?];
    let [global, local] = KINDS;
    let parameters = rotations(config)?;
    let of = |kind: &str, theta| match parameters.and_then(|all| all.get(kind)) {
        None | Some(Value::Null) => Ok(Rotary::plain(theta)),
        Some(parameters) => rotary_from(config, ROTATIONS, parameters, theta, head_dim),
    };
    Ok([of(global, thetas[0])?, of(local, thetas[1])?])
}

/// `rope_parameters`: an object for each kind of layer, if there is one.
fn rotations(config: &Config) -> Result<Option<&Map<String, Value>>> {
    let all = config.object(ROTATIONS)?;
    let mut kinds = all.into_iter().flat_map(Map::keys);
    match kinds.find(|kind| !KINDS.contains(&&kind[..])) {
        None => Ok(all),
        Some(other) => Err(config.unsupported(
            ROTATIONS,
            format!("with {other}"),
            format!("an object for each of {}", KINDS.join(", ")),
        )),
    }
}

/// Where transformers 5 has the rotations.
const ROTATIONS: &str = "rope_parameters";

/// What layers are called that attend to all of a text, and those that do within a window.
const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];

fn layer_names(layer: usize, biases: Biases, sizes: &LayerSizes) -> LayerNames {
    let name = |part: &str| format!("layers.{layer}.{part}");
    let attention = |part: &str| LinearNames::new(name(part)).bias(biases.attention);
    let feed_forward = |part: &str| LinearNames::new(name(part)).bias(biases.feed_forward);
    let norm = |part: &str| NormNames::new(name(part)).bias(biases.norm);
    let packed = |part: usize| attention("attn.Wqkv").starting_at(part * sizes.hidden);
    LayerNames {
        qkv: Qkv {
            query: packed(0),
            key: packed(1),
            value: packed(2),
        },
        attention_output: attention("attn.Wo"),
        attention_norm: (layer > 0).then(|| norm("attn_norm")),
        feed_forward: FeedForwardNames::Gated {
            gate: feed_forward("mlp.Wi").starting_at(0),
            up: feed_forward("mlp.Wi").starting_at(sizes.intermediate),
            output: feed_forward("mlp.Wo"),
        },
        output_norm: norm("mlp_norm"),
    }
}
