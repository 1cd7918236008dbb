//! ALBERT (Lan and others, 2020): layers that share their weights by groups, embeddings of few columns; as in
//! transformers' `modeling_albert.py`.

use serde_json::json;

use super::bert::embedding_names;
use super::blocks::{
    Attending, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings, post_norm_layers,
};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames, Transform};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Qkv;

/// Dropout, and what no code of transformers reads.
const HARMLESS: &[&str] = &[
    "attention_probs_dropout_prob",
    "classifier_dropout_prob",
    "down_scale_factor",
    "gap_size",
    "hidden_dropout_prob",
    "net_structure_type",
    "num_memory_blocks",
];

/// The encoder of an ALBERT checkpoint, with or without the `albert.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("position_embedding_type", &[json!("absolute")])?;
    let sizes = LayerSizes {
        hidden: config.size("hidden_size", 4096)?,
        heads: config.size("num_attention_heads", 64)?,
        intermediate: config.size("intermediate_size", 16384)?,
        eps: config.positive("layer_norm_eps", 1e-12)?,
        activation: config.activation("hidden_act", "gelu_new")?,
    };
    let embedding_size = config.size("embedding_size", 128)?;
    let layers = config.size("num_hidden_layers", 12)?;
    let groups = config.size("num_hidden_groups", 1)?;
    let in_a_group = config.size("inner_group_num", 1)?;
    let vocabulary = config.size("vocab_size", 30000)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size("type_vocab_size", 2)?;
    config.refuse_unknown(HARMLESS)?;
    sizes.head_dim(config)?;
    if groups > layers {
        return Err(config.malformed(format!(
            "num_hidden_groups {groups} is more than num_hidden_layers {layers}"
        )));
    }

    builder.set_prefixes(&["albert."]);
    let names = embedding_names(max_positions, max_types);
    let x = embeddings(builder, &names, vocabulary, embedding_size, sizes.eps)?;
    let names = LinearNames::new("encoder.embedding_hidden_mapping_in");
    let project = builder.linear(&names, sizes.hidden, embedding_size)?;
    let x = builder.graph.linear(x, project.weight, project.bias)?;
    let segment_offsets = builder.graph.segment_offsets();
    let group_of = |layer| layer * groups / layers;
    let names = (0..layers)
        .flat_map(|layer| (0..in_a_group).map(move |inner| layer_names(group_of(layer), inner)));
    let attending = Attending::everywhere(segment_offsets);
    let x = post_norm_layers(builder, x, attending, names, &sizes)?;
    Ok(Encoder {
        embedding_columns: embedding_size,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_positions)
    })
}

/// Its heads.
pub(super) fn heads(config: &Config) -> Result<Heads> {
    let masked_lm = MaskedLmNames {
        transform: Some(Transform {
            dense: LinearNames::new("predictions.dense"),
            activation: config.activation("hidden_act", "gelu_new")?,
            norm: Some(NormNames::new("predictions.LayerNorm")),
        }),
        decoder: "predictions.decoder",
        embeddings: Some("embeddings.word_embeddings.weight"),
        bias: Some("predictions.bias"),
    };
    let of_bert = Heads::of_bert(masked_lm);
    Ok(Heads {
        sequence: Transform {
            dense: LinearNames::new("pooler"),
            ..of_bert.sequence
        },
        ..of_bert
    })
}

fn layer_names(group: usize, inner: usize) -> LayerNames {
    let name =
        |part: &str| format!("encoder.albert_layer_groups.{group}.albert_layers.{inner}.{part}");
    let linear = |part: &str| LinearNames::new(name(part));
    LayerNames {
        qkv: Qkv {
            query: linear("attention.query"),
            key: linear("attention.key"),
            value: linear("attention.value"),
        },
        attention_output: linear("attention.dense"),
        attention_norm: Some(NormNames::new(name("attention.LayerNorm"))),
        feed_forward: FeedForwardNames::Plain {
            input: linear("ffn"),
            output: linear("ffn_output"),
        },
        output_norm: NormNames::new(name("full_layer_layer_norm")),
    }
}
