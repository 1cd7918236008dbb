//! BERT (Devlin and others, 2018), and what has its shape, such as MiniLM; names and switches as in transformers' `modeling_bert.py`.

use serde_json::json;

use super::blocks::{LayerNames, LayerSizes, post_norm_layer};
use super::{Builder, Config, Encoder};
use crate::error::{Error, Result};
use crate::ops::Qkv;

/// Keys of a BERT configuration that change nothing about inference: dropout, and the pooler that no task here uses.
const HARMLESS: &[&str] = &[
    "attention_probs_dropout_prob",
    "classifier_dropout",
    "hidden_dropout_prob",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
];

/// The encoder of a BERT checkpoint, with or without the `bert.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("hidden_act", &[json!("gelu")])?;
    config.expect("position_embedding_type", &[json!("absolute")])?;
    config.expect("is_decoder", &[json!(false)])?;
    config.expect("add_cross_attention", &[json!(false)])?;
    let sizes = LayerSizes {
        hidden: config.size("hidden_size", 768)?,
        heads: config.size("num_attention_heads", 12)?,
        intermediate: config.size("intermediate_size", 3072)?,
        eps: config.positive("layer_norm_eps", 1e-12)?,
    };
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 30522)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size("type_vocab_size", 2)?;
    config.refuse_unknown(HARMLESS)?;
    if !sizes.hidden.is_multiple_of(sizes.heads) {
        let message = format!(
            "hidden_size {} is no multiple of num_attention_heads {}",
            sizes.hidden, sizes.heads
        );
        return Err(Error::Malformed {
            path: config.path().to_owned(),
            message,
        });
    }

    builder.set_prefix("bert.");
    let ids = builder.graph.ids("ids", vocabulary);
    let positions = builder.graph.ids("positions", max_positions);
    let types = builder.graph.ids("types", max_types);
    let segment_offsets = builder.graph.segment_offsets();
    let tables = [
        builder.parameter(
            "embeddings.word_embeddings.weight",
            [vocabulary, sizes.hidden],
        )?,
        builder.parameter(
            "embeddings.position_embeddings.weight",
            [max_positions, sizes.hidden],
        )?,
        builder.parameter(
            "embeddings.token_type_embeddings.weight",
            [max_types, sizes.hidden],
        )?,
    ];
    let (weight, bias) = builder.norm("embeddings.LayerNorm", sizes.hidden)?;
    let mut x =
        builder
            .graph
            .embedding_sum([ids, positions, types], tables, weight, bias, sizes.eps)?;
    for layer in 0..layers {
        x = post_norm_layer(builder, x, segment_offsets, &names(layer), &sizes)?;
    }
    Ok(Encoder {
        hidden_states: x,
        segment_offsets,
        hidden: sizes.hidden,
        max_tokens: max_positions,
    })
}

fn names(layer: usize) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    LayerNames {
        qkv: Qkv {
            query: name("attention.self.query"),
            key: name("attention.self.key"),
            value: name("attention.self.value"),
        },
        attention_output: name("attention.output.dense"),
        attention_norm: name("attention.output.LayerNorm"),
        intermediate: name("intermediate.dense"),
        output: name("output.dense"),
        output_norm: name("output.LayerNorm"),
    }
}
