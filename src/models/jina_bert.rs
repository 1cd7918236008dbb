//! JinaBERT v2 (Günther and others, 2023): BERT with ALiBi instead of positions and a gated feed-forward block; as in
//! the code that is published with it. Its configuration says `bert`, with `position_embedding_type` `alibi`.

use serde_json::json;

use super::bert::{HARMLESS, layer_sizes};
use super::blocks::{
    Attending, EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings,
    post_norm_layers,
};
use super::builder::LinearNames;
use super::positions::alibi_table;
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::Activation;

pub(super) use super::bert::heads;

/// Where its code is, and what sentence-transformers' files say better.
const OF_THE_HUB: &[&str] = &[
    "attn_implementation",
    "auto_map",
    "emb_pooler",
    "model_max_length",
];

/// The encoder of a JinaBERT v2 checkpoint, with or without the `bert.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    config.expect("position_embedding_type", &[json!("alibi")])?;
    let gate = match config.string("feed_forward_type")?.as_str() {
        "geglu" => Activation::Gelu,
        "reglu" => Activation::Relu,
        other => {
            return Err(config.unsupported("feed_forward_type", other, "geglu, reglu"));
        }
    };
    let sizes = LayerSizes {
        activation: gate,
        ..layer_sizes(config, 1e-12)?
    };
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 30522)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let max_types = config.size("type_vocab_size", 2)?;
    config.refuse_unknown(&[HARMLESS, OF_THE_HUB].concat())?;
    sizes.head_dim(config)?;

    builder.set_prefixes(&["bert."]);
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: None,
        token_type: Some(("embeddings.token_type_embeddings.weight", max_types)),
        norm: Some(NormNames::new("embeddings.LayerNorm")),
    };
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let segment_offsets = builder.graph.segment_offsets();
    let attending = Attending {
        bias: Some(alibi_table(builder, sizes.heads, max_positions - 1)?),
        ..Attending::everywhere(segment_offsets)
    };
    let names = (0..layers).map(|layer| layer_names(layer, &sizes));
    let x = post_norm_layers(builder, x, attending, names, &sizes)?;
    Ok(Encoder::new(
        x,
        segment_offsets,
        &sizes,
        vocabulary,
        max_positions,
    ))
}

fn layer_names(layer: usize, sizes: &LayerSizes) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    let gated = LinearNames::new(name("mlp.gated_layers")).bias(false);
    LayerNames {
        feed_forward: FeedForwardNames::Gated {
            gate: gated.clone().starting_at(0),
            up: gated.starting_at(sizes.intermediate),
            output: LinearNames::new(name("mlp.wo")),
        },
        output_norm: NormNames::new(name("mlp.layernorm")),
        ..super::bert::layer_names(layer)
    }
}
