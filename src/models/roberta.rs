//! RoBERTa (Liu and others, 2019), XLM-RoBERTa (Conneau and others, 2020) and CamemBERT (Martin and others, 2020): BERT
//! whose positions are counted from behind the padding token's id; as in transformers' `modeling_roberta.py`.

use serde_json::json;

use super::bert::{HARMLESS, embedding_names, layer_names, layer_sizes};
use super::blocks::{Attending, NormNames, embeddings, post_norm_layers};
use super::builder::LinearNames;
use super::encoder::Positions;
use super::heads::{Heads, MaskedLmNames, Transform};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Activation;

/// The encoder of a checkpoint of one of the three, with or without the prefix `roberta.`, which all of them have.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("position_embedding_type", &[json!("absolute")])?;
    let sizes = layer_sizes(config, 1e-12)?;
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 50265)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size("type_vocab_size", 2)?;
    let padding = config.size_or_none("pad_token_id", 1)?;
    // As CamemBERT 2 says it once more.
    config.expect("embedding_size", &[json!(sizes.hidden)])?;
    config.expect("position_biased_input", &[json!(true)])?;
    config.refuse_unknown(HARMLESS)?;
    sizes.head_dim(config)?;
    let max_tokens = positions_left(config, max_positions, padding)?;

    builder.set_prefixes(&["roberta."]);
    let names = embedding_names(max_positions, max_types);
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let segment_offsets = builder.graph.segment_offsets();
    let attending = Attending::everywhere(segment_offsets);
    let x = post_norm_layers(builder, x, attending, (0..layers).map(layer_names), &sizes)?;
    Ok(Encoder {
        positions: Positions::After(padding as u32),
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_tokens)
    })
}

/// Their heads.
pub(super) fn heads(_: &Config) -> Result<Heads> {
    Ok(Heads::of_roberta(Activation::Tanh, masked_lm()))
}

/// `lm_head`, as many families have it.
pub(super) fn masked_lm() -> MaskedLmNames {
    MaskedLmNames {
        transform: Some(Transform {
            dense: LinearNames::new("lm_head.dense"),
            activation: Activation::Gelu,
            norm: Some(NormNames::new("lm_head.layer_norm")),
        }),
        decoder: "lm_head.decoder",
        embeddings: Some("embeddings.word_embeddings.weight"),
        bias: Some("lm_head.bias"),
    }
}

/// The longest sequence, where positions are counted from behind the padding token's id.
///
/// # Errors
/// [`crate::Error::Malformed`] if none is left.
pub(super) fn positions_left(
    config: &Config,
    max_positions: usize,
    padding: usize,
) -> Result<usize> {
    match max_positions.checked_sub(padding + 1) {
        Some(left @ 1..) => Ok(left),
        _ => Err(config.malformed(format!(
            "max_position_embeddings {max_positions} leaves no position behind pad_token_id {padding}"
        ))),
    }
}
