//! Jina embeddings v3 (Sturua and others, 2024): XLM-RoBERTa with rotated positions, as transformers'
//! `modeling_jina_embeddings_v3.py` has it, without the adapters of the original, which are refused.

use serde_json::json;

use super::bert::{HARMLESS, layer_sizes};
use super::blocks::{
    EmbeddingNames, FeedForwardNames, LayerNames, NormNames, embeddings, post_norm_layers,
};
use super::builder::LinearNames;
use super::positions::{rotary_of, rotated};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Qkv;

pub(super) use super::roberta::heads;

/// The encoder of a checkpoint, with or without the `roberta.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let sizes = layer_sizes(config, 1e-5)?;
    let layers = config.size("num_hidden_layers", 24)?;
    let vocabulary = config.size("vocab_size", 250_002)?;
    let max_positions = config.size("max_position_embeddings", 8194)?;
    let max_types = config.size("type_vocab_size", 1)?;
    let head_dim = sizes.head_dim(config)?;
    let rotary = rotary_of(config, 20_000.0, head_dim)?;
    config.expect("position_embedding_type", &[json!("rotary"), json!("rope")])?;
    config.refuse_unknown(HARMLESS)?;

    builder.set_prefixes(&["roberta."]);
    let old = builder.has("emb_ln.weight");
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: None,
        token_type: Some(("embeddings.token_type_embeddings.weight", max_types)),
        norm: Some(NormNames::new(if old {
            "emb_ln"
        } else {
            "embeddings.LayerNorm"
        })),
    };
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let attending = rotated(builder, max_positions, head_dim, &rotary)?;
    let names = (0..layers).map(|layer| match old {
        true => published_layer(layer, sizes.hidden),
        false => transformers_layer(layer),
    });
    let x = post_norm_layers(builder, x, attending, names, &sizes)?;
    Ok(Encoder::new(
        x,
        attending.segment_offsets,
        &sizes,
        vocabulary,
        max_positions,
    ))
}

fn published_layer(layer: usize, hidden: usize) -> LayerNames {
    let name = |part: &str| format!("encoder.layers.{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part));
    let packed = |part: usize| linear("mixer.Wqkv").starting_at(part * hidden);
    LayerNames {
        qkv: Qkv {
            query: packed(0),
            key: packed(1),
            value: packed(2),
        },
        attention_output: linear("mixer.out_proj"),
        attention_norm: Some(NormNames::new(name("norm1"))),
        feed_forward: FeedForwardNames::Plain {
            input: linear("mlp.fc1"),
            output: linear("mlp.fc2"),
        },
        output_norm: NormNames::new(name("norm2")),
    }
}

fn transformers_layer(layer: usize) -> LayerNames {
    LayerNames::of_transformers(layer, true, |linear| FeedForwardNames::Plain {
        input: linear("mlp.fc1"),
        output: linear("mlp.fc2"),
    })
}
