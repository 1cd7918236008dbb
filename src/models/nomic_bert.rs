//! NomicBERT (Nussbaum and others, 2024): post-norm, gated, rotated positions; names and keys as the published models
//! have them, after GPT-2, and as transformers' `modeling_nomic_bert.py` has them.

use serde_json::{Value, json};

use super::blocks::{
    EmbeddingNames, FeedForwardNames, LayerNames, LayerSizes, NormNames, embeddings,
    post_norm_layers,
};
use super::builder::LinearNames;
use super::heads::{Heads, MaskedLmNames};
use super::positions::{Rotary, rotary_of, rotated};
use super::{Builder, Config, Encoder};
use crate::error::Result;
use crate::ops::{Activation, Qkv};

/// Dropout, training, and how others' kernels are fused.
const HARMLESS: &[&str] = &[
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "auto_map",
    "classifier_dropout",
    "dense_seq_output",
    "embd_pdrop",
    "fused_bias_fc",
    "fused_dropout_add_ln",
    "hidden_dropout_prob",
    "max_trained_positions",
    "mlp_checkpoint_lvl",
    "pad_vocab_size_multiple",
    "reorder_and_upcast_attn",
    "resid_pdrop",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "use_flash_attn",
    "use_xentropy",
];

/// The encoder of a NomicBERT checkpoint.
pub(super) fn build(config: &Config, builder: &mut Builder<'_>) -> Result<Encoder> {
    let published = config.value("n_embd").is_some();
    let (sizes, rotary) = match published {
        true => published_sizes(config)?,
        false => transformers_sizes(config)?,
    };
    let head_dim = sizes.head_dim(config)?;
    config.expect("head_dim", &[json!(head_dim)])?;
    let layers = config.size(
        if published {
            "n_layer"
        } else {
            "num_hidden_layers"
        },
        12,
    )?;
    let key = if published {
        "n_positions"
    } else {
        "max_position_embeddings"
    };
    let max_positions = config.size(key, 2048)?;
    let vocabulary = config.size("vocab_size", 30528)?;
    let max_types = config.size_or_none("type_vocab_size", 2)?;
    config.refuse_unknown(HARMLESS)?;

    builder.set_prefixes(&["nomic_bert.", "bert."]);
    let old = builder.has("emb_ln.weight");
    let names = EmbeddingNames {
        word: "embeddings.word_embeddings.weight",
        position: None,
        token_type: (max_types > 0)
            .then_some(("embeddings.token_type_embeddings.weight", max_types)),
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

/// Its heads; published models have them without the activation's name.
pub(super) fn heads(config: &Config) -> Result<Heads> {
    let activation = config.activation("hidden_act", "silu")?;
    Ok(Heads::of_bert(MaskedLmNames::of_bert(
        activation,
        "layer_norm",
    )))
}

/// By the keys of transformers.
fn transformers_sizes(config: &Config) -> Result<(LayerSizes, Rotary)> {
    let sizes = LayerSizes {
        hidden: config.size("hidden_size", 768)?,
        heads: config.size("num_attention_heads", 12)?,
        intermediate: config.size("intermediate_size", 3072)?,
        eps: config.positive("layer_norm_eps", 1e-12)?,
        activation: config.activation("hidden_act", "silu")?,
    };
    let rotary = rotary_of(config, 1000.0, sizes.head_dim(config)?)?;
    Ok((sizes, rotary))
}

/// By the keys of the published models; what others of that code do is refused.
fn published_sizes(config: &Config) -> Result<(LayerSizes, Rotary)> {
    let none = Value::Null;
    for (key, supported) in [
        ("activation_function", json!("swiglu")),
        ("causal", json!(false)),
        ("mlp_fc1_bias", json!(false)),
        ("mlp_fc2_bias", json!(false)),
        ("parallel_block", json!(false)),
        ("parallel_block_tied_norm", json!(false)),
        ("prenorm", json!(false)),
        ("qkv_proj_bias", json!(false)),
        ("rotary_emb_fraction", json!(1.0)),
        ("rotary_emb_interleaved", json!(false)),
        ("rotary_emb_scale_base", none.clone()),
        ("rotary_scaling_factor", none),
        ("scale_attn_by_inverse_layer_idx", json!(false)),
        ("scale_attn_weights", json!(true)),
        ("use_rms_norm", json!(false)),
    ] {
        config.expect(key, &[supported])?;
    }
    let sizes = LayerSizes {
        hidden: config.size("n_embd", 768)?,
        heads: config.size("n_head", 12)?,
        intermediate: config.size("n_inner", 3072)?,
        eps: config.positive("layer_norm_epsilon", 1e-12)?,
        activation: Activation::Silu,
    };
    let rotary = Rotary::plain(config.positive("rotary_emb_base", 10_000.0)?);
    expect_the_same(config, &sizes, rotary)?;
    Ok((sizes, rotary))
}

/// A published configuration may say it once more by the keys of transformers, which then must agree. How many positions
/// there are is what `n_positions` says: those of transformers are those of the training.
fn expect_the_same(config: &Config, sizes: &LayerSizes, rotary: Rotary) -> Result<()> {
    let layers = config.size("n_layer", 12)?;
    for (key, value) in [
        ("hidden_size", sizes.hidden),
        ("intermediate_size", sizes.intermediate),
        ("num_attention_heads", sizes.heads),
        ("num_hidden_layers", layers),
    ] {
        config.expect(key, &[json!(value)])?;
    }
    config.expect("hidden_act", &[json!("silu")])?;
    config.size("max_position_embeddings", 2048)?;
    let eps = config.value("layer_norm_epsilon").cloned();
    config.expect("layer_norm_eps", &[eps.unwrap_or(json!(1e-12))])?;
    match rotary_of(config, rotary.theta, sizes.head_dim(config)?)? {
        same if same == rotary => Ok(()),
        _ => Err(config.malformed("rope_parameters contradict rotary_emb_base".to_owned())),
    }
}

fn published_layer(layer: usize, hidden: usize) -> LayerNames {
    let name = |part: &str| format!("encoder.layers.{layer}.{part}");
    let linear = |part: &str| LinearNames::new(name(part)).bias(false);
    let packed = |part: usize| linear("attn.Wqkv").starting_at(part * hidden);
    LayerNames {
        qkv: Qkv {
            query: packed(0),
            key: packed(1),
            value: packed(2),
        },
        attention_output: linear("attn.out_proj"),
        attention_norm: Some(NormNames::new(name("norm1"))),
        feed_forward: FeedForwardNames::Gated {
            gate: linear("mlp.fc12"),
            up: linear("mlp.fc11"),
            output: linear("mlp.fc2"),
        },
        output_norm: NormNames::new(name("norm2")),
    }
}

fn transformers_layer(layer: usize) -> LayerNames {
    LayerNames::of_transformers(layer, false, |linear| FeedForwardNames::Gated {
        gate: linear("mlp.gate_proj").bias(false),
        up: linear("mlp.up_proj").bias(false),
        output: linear("mlp.down_proj").bias(false),
    })
}
