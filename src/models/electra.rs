//! ELECTRA (Clark and others, 2020), generator or discriminator: BERT whose embeddings may be narrower; as in
//! transformers' `modeling_electra.py`.

use serde_json::json;

use super::bert::{HARMLESS, embedding_names, layer_names, layer_sizes};
use super::blocks::{Attending, NormNames, embeddings, post_norm_layers};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames, Transform};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Activation;

/// Sizes of a generator beside it, and what a summary for multiple choice is made of.
const OF_OTHER_HEADS: &[&str] = &[
    "generator_size",
    "summary_activation",
    "summary_last_dropout",
    "summary_type",
    "summary_use_proj",
];

/// The encoder of an ELECTRA checkpoint, with or without the `electra.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("position_embedding_type", &[json!("absolute")])?;
    let sizes = layer_sizes(config, 1e-12)?;
    let embedding_size = config.size("embedding_size", 128)?;
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 30522)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size("type_vocab_size", 2)?;
    config.refuse_unknown(&[HARMLESS, OF_OTHER_HEADS].concat())?;
    sizes.head_dim(config)?;

    builder.set_prefixes(&["electra."]);
    let names = embedding_names(max_positions, max_types);
    let mut x = embeddings(builder, &names, vocabulary, embedding_size, sizes.eps)?;
    if embedding_size != sizes.hidden {
        let names = LinearNames::new("embeddings_project");
        let project = builder.linear(&names, sizes.hidden, embedding_size)?;
        x = builder.graph.linear(x, project.weight, project.bias)?;
    }
    let segment_offsets = builder.graph.segment_offsets();
    let attending = Attending::everywhere(segment_offsets);
    let x = post_norm_layers(builder, x, attending, (0..layers).map(layer_names), &sizes)?;
    Ok(Encoder {
        embedding_columns: embedding_size,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_positions)
    })
}

/// Its heads; the generator alone predicts tokens.
pub(super) fn heads(_: &Config) -> Result<Heads> {
    let masked_lm = MaskedLmNames {
        transform: Some(Transform {
            dense: LinearNames::new("generator_predictions.dense"),
            activation: Activation::Gelu,
            norm: Some(NormNames::new("generator_predictions.LayerNorm")),
        }),
        decoder: "generator_lm_head",
        embeddings: Some("embeddings.word_embeddings.weight"),
        bias: Some("generator_lm_head.bias"),
    };
    Ok(Heads::of_roberta(Activation::Gelu, masked_lm))
}
