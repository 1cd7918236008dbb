//! MPNet (Song and others, 2020): relative positions beside absolute ones; as in transformers' `modeling_mpnet.py`.

use serde_json::json;

use super::bert::{HARMLESS, layer_sizes};
use super::blocks::{
    Attending, EmbeddingNames, FeedForwardNames, LayerNames, NormNames, embeddings,
    post_norm_layers,
};
use super::builder::LinearNames;
use super::encoder::Positions;
use super::heads::Heads;
use super::positions::bucket_table;
use super::roberta::{masked_lm, positions_left};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::{Activation, Qkv};

/// The distance from which on all keys have one bias; no configuration says another.
const MAX_DISTANCE: usize = 128;

/// The padding token's id, of which positions are counted from behind; transformers has it fixed, too.
const PADDING: usize = 1;

/// The encoder of an MPNet checkpoint, with or without the `mpnet.` prefix.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let sizes = layer_sizes(config, 1e-12)?;
    let layers = config.size("num_hidden_layers", 12)?;
    let vocabulary = config.size("vocab_size", 30527)?;
    let max_positions = config.size("max_position_embeddings", 512)?;
    let buckets = config.size("relative_attention_num_buckets", 32)?;
    config.expect("position_embedding_type", &[json!("absolute")])?;
    config.refuse_unknown(HARMLESS)?;
    sizes.head_dim(config)?;
    let max_tokens = positions_left(config, max_positions, PADDING)?;
    if buckets % 4 != 0 {
        return Err(config.malformed(format!(
            "relative_attention_num_buckets must be a multiple of 4, is {buckets}"
        )));
    }

    builder.set_prefixes(&["mpnet."]);
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: Some(("embeddings.position_embeddings.weight", max_positions)),
        token_type: None,
        norm: Some(NormNames::new("embeddings.LayerNorm")),
    };
    let x = embeddings(builder, &names, vocabulary, sizes.hidden, sizes.eps)?;
    let segment_offsets = builder.graph.segment_offsets();
    let bias = bucket_table(
        builder,
        "encoder.relative_attention_bias.weight",
        [buckets, sizes.heads],
        MAX_DISTANCE,
    )?;
    let attending = Attending {
        bias: Some(bias),
        ..Attending::everywhere(segment_offsets)
    };
    let x = post_norm_layers(builder, x, attending, (0..layers).map(layer_names), &sizes)?;
    Ok(Encoder {
        positions: Positions::After(PADDING as u32),
        reads_types: false,
        ..Encoder::new(x, segment_offsets, &sizes, vocabulary, max_tokens)
    })
}

/// Its heads.
pub(super) fn heads(_: &Config) -> Result<Heads> {
    Ok(Heads::of_roberta(Activation::Tanh, masked_lm()))
}

fn layer_names(layer: usize) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part));
    LayerNames {
        qkv: Qkv {
            query: linear("attention.attn.q"),
            key: linear("attention.attn.k"),
            value: linear("attention.attn.v"),
        },
        attention_output: linear("attention.attn.o"),
        attention_norm: Some(NormNames::new(name("attention.LayerNorm"))),
        feed_forward: FeedForwardNames::Plain {
            input: linear("intermediate.dense"),
            output: linear("output.dense"),
        },
        output_norm: NormNames::new(name("output.LayerNorm")),
    }
}
