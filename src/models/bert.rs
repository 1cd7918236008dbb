//! BERT (Devlin and others, 2018), and what has its shape, such as MiniLM; names and switches as in transformers'
//! `modeling_bert.py`.

use serde_json::json;

use super::blocks::{
    Attending, EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings,
    post_norm_layers,
};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Qkv;

/// Keys of a BERT configuration that change nothing about inference: dropout, sizes of a pooler that is not there, and how
/// TinyBERT was distilled.
pub(super) const HARMLESS: &[&str] = &[
    "attention_probs_dropout_prob",
    "cell",
    "classifier_dropout",
    "emb_size",
    "hidden_dropout_prob",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
    "pre_trained",
    "structure",
    "training",
];

/// The encoder of a BERT checkpoint, with or without the `bert.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("position_embedding_type", &[json!("absolute")])?;
    let sizes = layer_sizes(config, 1e-12)?;
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 30522)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size("type_vocab_size", 2)?;
    config.refuse_unknown(HARMLESS)?;
    sizes.head_dim(config)?;

    builder.set_prefixes(&["bert."]);
    let names = embedding_names(max_positions, max_types);
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let segment_offsets = builder.graph.segment_offsets();
    let attending = Attending::everywhere(segment_offsets);
    let x = post_norm_layers(builder, x, attending, (0..layers).map(layer_names), &sizes)?;
    Ok(Encoder::new(
        x,
        segment_offsets,
        &sizes,
        vocabulary,
        max_positions,
    ))
}

/// Its heads.
pub(super) fn heads(config: &Config) -> Result<Heads> {
    let activation = config.activation("hidden_act", "gelu")?;
    Ok(Heads::of_bert(MaskedLmNames::of_bert(
        activation,
        "LayerNorm",
    )))
}

/// The sizes of layers, by the keys that most configurations have, with BERT's defaults.
pub(super) fn layer_sizes(config: &Config, eps: f32) -> Result<LayerSizes> {
    Ok(LayerSizes {
        hidden: config.size("hidden_size", 768)?,
        heads: config.size("num_attention_heads", 12)?,
        intermediate: config.size("intermediate_size", 3072)?,
        eps: config.positive("layer_norm_eps", eps)?,
        activation: config.activation("hidden_act", "gelu")?,
    })
}

/// Word, position and type, each with a table.
pub(super) fn embedding_names(max_positions: usize, max_types: usize) -> EmbeddingNames {
    EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: Some(("embeddings.position_embeddings.weight", max_positions)),
        token_type: Some(("embeddings.token_type_embeddings.weight", max_types)),
        norm: Some(NormNames::new("embeddings.LayerNorm")),
    }
}

/// The names of a layer's tensors.
pub(super) fn layer_names(layer: usize) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part));
    LayerNames {
        qkv: Qkv {
            query: linear("attention.self.query"),
            key: linear("attention.self.key"),
            value: linear("attention.self.value"),
        },
        attention_output: linear("attention.output.dense"),
        attention_norm: Some(NormNames::new(name("attention.output.LayerNorm"))),
        feed_forward: FeedForwardNames::Plain {
            input: linear("intermediate.dense"),
            output: linear("output.dense"),
        },
        output_norm: NormNames::new(name("output.LayerNorm")),
    }
}
