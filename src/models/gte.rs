//! GTE (Zhang and others, 2024), whose code the hub calls "new": post-norm, gated, rotated positions; names as the
//! published models have them and as transformers' `modeling_gte.py` has them.

use serde_json::json;

use super::bert::{HARMLESS, layer_sizes};
use super::blocks::{
    EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings,
    post_norm_layers,
};
use super::builder::LinearNames;
use super::heads::Heads;
use super::positions::{rotary_of, rotated};
use super::roberta::masked_lm;
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Qkv;

/// Where its code is, and which of others' kernels it may use.
const OF_THE_HUB: &[&str] = &["auto_map", "unpad_inputs", "use_memory_efficient_attention"];

/// The encoder of a GTE checkpoint, with or without a prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("position_embedding_type", &[json!("rope")])?;
    config.expect("layer_norm_type", &[json!("layer_norm")])?;
    config.expect("logn_attention_scale", &[json!(false)])?;
    config.expect("logn_attention_clip1", &[json!(false)])?;
    let packed = config.boolean("pack_qkv", true)?;
    let sizes = layer_sizes(config, 1e-12)?;
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 250_048)?;
    let max_positions = config.size("max_position_embeddings", 8192)?;
    let max_types = config.size_or_none("type_vocab_size", 1)?;
    let head_dim = sizes.head_dim(config)?;
    let published = config.string("model_type")? == "new";
    let theta = if published { 10_000.0 } else { 160_000.0 };
    let rotary = rotary_of(config, theta, head_dim)?;
    config.refuse_unknown(&[HARMLESS, OF_THE_HUB].concat())?;

    builder.set_prefixes(&["new.", "gte."]);
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: None,
        token_type: (max_types > 0)
            .then_some(("embeddings.token_type_embeddings.weight", max_types)),
        norm: Some(NormNames::new("embeddings.LayerNorm")),
    };
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let attending = rotated(builder, max_positions, head_dim, &rotary)?;
    let old = builder.has("encoder.layer.0.attn_ln.weight");
    let names = (0..layers).map(|layer| match old {
        true => published_layer(layer, packed, &sizes),
        false => transformers_layer(layer),
    });
    let x = post_norm_layers(builder, x, attending, names, &sizes)?;
    Ok(Encoder {
        reads_types: max_types > 0,
        ..Encoder::new(
            x,
            attending.segment_offsets,
            &sizes,
            vocabulary,
            max_positions,
        )
    })
}

/// Its heads.
pub(super) fn heads(_: &Config) -> Result<Heads> {
    Ok(Heads::of_bert(masked_lm()))
}

fn published_layer(layer: usize, packed: bool, sizes: &LayerSizes) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part));
    let part = |place: usize, alone: &str| match packed {
        true => linear("attention.qkv_proj").starting_at(place * sizes.hidden),
        false => linear(alone),
    };
    let up_gate = linear("mlp.up_gate_proj").bias(false);
    LayerNames {
        qkv: Qkv {
            query: part(0, "attention.q_proj"),
            key: part(1, "attention.k_proj"),
            value: part(2, "attention.v_proj"),
        },
        attention_output: linear("attention.o_proj"),
        attention_norm: Some(NormNames::new(name("attn_ln"))),
        feed_forward: FeedForwardNames::Gated {
            gate: up_gate.clone().starting_at(sizes.intermediate),
            up: up_gate.starting_at(0),
            output: linear("mlp.down_proj"),
        },
        output_norm: NormNames::new(name("mlp_ln")),
    }
}

fn transformers_layer(layer: usize) -> LayerNames {
    LayerNames::of_transformers(layer, true, |linear| FeedForwardNames::Gated {
        gate: linear("mlp.gate_proj").bias(false),
        up: linear("mlp.up_proj").bias(false),
        output: linear("mlp.down_proj"),
    })
}
