//! What FlexBERT, the code that ModernBERT is trained with (`src/bert_layers/configuration_bert.py` of
//! AnswerDotAI/ModernBERT), leaves in configurations. Transformers reads none of it.

use serde_json::{Value, json};

use crate::error::Result;
use crate::models::Config;
use crate::models::config::are_the_same;

/// Dropout, losses, initial weights, how its kernels run, heads that transformers has its own switches for, and token types,
/// which nothing reads without their embeddings.
pub(super) const HARMLESS: &[&str] = &[
    "allow_embedding_resizing",
    "attention_probs_dropout_prob",
    "attn_out_dropout_prob",
    "compile_model",
    "deterministic_fa2",
    "embed_dropout_prob",
    "head_class_act",
    "head_class_bias",
    "head_class_dropout",
    "head_class_norm",
    "head_pred_bias",
    "head_pred_dropout",
    "head_pred_norm",
    "hidden_dropout_prob",
    "init_cutoff_factor",
    "init_method",
    "init_small_embedding",
    "init_std",
    "loss_function",
    "loss_kwargs",
    "masked_prediction",
    "mlp_dropout_prob",
    "num_initial_layers",
    "pad_logits",
    "padding",
    "pooling_type",
    "type_vocab_size",
    "unpad_embeddings",
    "use_fa2",
    "use_sdpa_attn_mask",
];

/// Refuses what says of the architecture something else than transformers' keys do. `thetas`: the wave lengths' bases of
/// layers without a window and of those with one.
///
/// # Errors
/// [`crate::Error::Unsupported`] for another value, [`crate::Error::Malformed`] for what is none.
pub(super) fn expect_the_same(config: &Config, thetas: [f32; 2], head_dim: usize) -> Result<()> {
    for (key, value) in [
        ("attention_layer", json!("rope")),
        ("bert_layer", json!("prenorm")),
        ("embed_norm", json!(true)),
        ("embedding_layer", json!("sans_pos")),
        ("encoder_layer", json!("base")),
        ("final_norm", json!(true)),
        ("initial_attention_layer", json!("rope")),
        ("initial_bert_layer", json!("prenorm")),
        ("initial_mlp_layer", json!("glu")),
        ("local_attn_rotary_emb_dim", json!(head_dim)),
        ("mlp_layer", json!("glu")),
        ("normalization", json!("layernorm")),
        ("rotary_emb_base", json!(thetas[0])),
        ("rotary_emb_dim", json!(head_dim)),
        ("rotary_emb_interleaved", json!(false)),
        ("rotary_emb_scale_base", Value::Null),
        ("skip_first_prenorm", json!(true)),
    ] {
        config.expect(key, &[value])?;
    }
    for (key, theirs, default) in [
        ("activation_function", "hidden_activation", json!("gelu")),
        ("attn_out_bias", "attention_bias", json!(false)),
        ("attn_qkv_bias", "attention_bias", json!(false)),
        ("head_pred_act", "classifier_activation", json!("gelu")),
        ("hidden_act", "hidden_activation", json!("gelu")),
        ("mlp_in_bias", "mlp_bias", json!(false)),
        ("mlp_out_bias", "mlp_bias", json!(false)),
        // The width of a window in both. (Transformers 5 takes it for half of one, and makes the window twice as wide as the
        // model was trained with.)
        ("sliding_window", "local_attention", json!(128)),
    ] {
        let value = config.value(theirs).cloned().unwrap_or(default);
        config.expect(key, &[value])?;
    }
    // It says -1 where local layers have what the others have.
    let local = json!(thetas[1]);
    let local = match thetas[0].total_cmp(&thetas[1]).is_eq() {
        true => vec![local, json!(-1)],
        false => vec![local],
    };
    config.expect("local_attn_rotary_emb_base", &local)?;
    expect_the_same_norm(config)
}

/// `norm_kwargs`, an object of what transformers has two keys for.
fn expect_the_same_norm(config: &Config) -> Result<()> {
    let key = "norm_kwargs";
    for (name, value) in config.object(key)?.into_iter().flatten() {
        let same = match &name[..] {
            "eps" => config.value("norm_eps").cloned().unwrap_or(json!(1e-5)),
            "bias" => config.value("norm_bias").cloned().unwrap_or(json!(false)),
            _ => Value::Null,
        };
        if !are_the_same(value, &same) {
            let found = format!("with {name} {value}");
            let supported = "eps as norm_eps says, and bias as norm_bias does";
            return Err(config.unsupported(key, found, supported));
        }
    }
    Ok(())
}
