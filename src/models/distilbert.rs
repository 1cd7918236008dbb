//! DistilBERT (Sanh and others, 2019): BERT without token types; as in transformers' `modeling_distilbert.py`.

use serde_json::json;

use super::blocks::{
    Attending, EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings,
    post_norm_layers,
};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames, Transform};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::{Activation, Qkv};

/// Dropout, and how the table of positions was filled at first: it is in the checkpoint.
const HARMLESS: &[&str] = &[
    "attention_dropout",
    "dropout",
    "qa_dropout",
    "seq_classif_dropout",
    "sinusoidal_pos_embds",
    "tie_weights_",
];

const EPS: f32 = 1e-12;

/// The encoder of a DistilBERT checkpoint, with or without the `distilbert.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let sizes = LayerSizes {
        hidden: config.size("dim", 768)?,
        heads: config.size("n_heads", 12)?,
        intermediate: config.size("hidden_dim", 3072)?,
        eps: EPS,
        activation: config.activation("activation", "gelu")?,
    };
    let layers = config.size("n_layers", 6)?;
    let vocabulary = config.size("vocab_size", 30522)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    config.expect("position_embedding_type", &[json!("absolute")])?;
    config.refuse_unknown(HARMLESS)?;
    sizes.head_dim(config)?;

    builder.set_prefixes(&["distilbert."]);
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: Some(("embeddings.position_embeddings.weight", max_positions)),
        token_type: None,
        norm: Some(NormNames::new("embeddings.LayerNorm")),
    };
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, EPS)?;
    let segment_offsets = builder.graph.segment_offsets();
    let attending = Attending::everywhere(segment_offsets);
    let x = post_norm_layers(builder, x, attending, (0..layers).map(layer_names), &sizes)?;
    Ok(Encoder {
        reads_types: false,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_positions)
    })
}

/// Its heads.
pub(super) fn heads(config: &Config) -> Result<Heads> {
    let masked_lm = MaskedLmNames {
        transform: Some(Transform {
            dense: LinearNames::new("vocab_transform"),
            activation: config.activation("activation", "gelu")?,
            norm: Some(NormNames::new("vocab_layer_norm")),
        }),
        decoder: "vocab_projector",
        embeddings: Some("embeddings.word_embeddings.weight"),
        bias: Some("vocab_projector.bias"),
    };
    Ok(Heads {
        sequence: Transform {
            dense: LinearNames::new("pre_classifier"),
            activation: Activation::Relu,
            norm: None,
        },
        ..Heads::of_bert(masked_lm)
    })
}

fn layer_names(layer: usize) -> LayerNames {
    let name = |part: &str| format!("transformer.layer.{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part));
    LayerNames {
        qkv: Qkv {
            query: linear("attention.q_lin"),
            key: linear("attention.k_lin"),
            value: linear("attention.v_lin"),
        },
        attention_output: linear("attention.out_lin"),
        attention_norm: Some(NormNames::new(name("sa_layer_norm"))),
        feed_forward: FeedForwardNames::Plain {
            input: linear("ffn.lin1"),
            output: linear("ffn.lin2"),
        },
        output_norm: NormNames::new(name("output_layer_norm")),
    }
}
