//! Damage to the files that sentence-transformers puts beside a model.

use serde_json::{Value, json};
use wgformer::verify::Random;

use crate::generated_model::{GeneratedModel, HIDDEN};
use crate::json::{self, one_of};
use crate::subject::Files;

/// Every such file that is read.
const READ: &[&str] = &[
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer_config.json",
];

/// A tiny model with all of them.
pub(crate) fn model() -> GeneratedModel {
    let module = |kind: &str, path: &str| json!({ "type": format!("sentence_transformers.models.{kind}"), "path": path });
    let mut model = GeneratedModel::new();
    model.extra = vec![
        (
            READ[0],
            json!([
                module("Transformer", ""),
                module("Pooling", "1_Pooling"),
                module("Normalize", "2_Normalize"),
            ]),
        ),
        (
            READ[1],
            json!({ "word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false }),
        ),
        // If it said a number, the tokenizer's own limit would not be read.
        (
            READ[2],
            json!({ "max_seq_length": null, "do_lower_case": false }),
        ),
        (
            READ[3],
            json!({ "prompts": {}, "default_prompt_name": null }),
        ),
        (READ[4], json!({ "model_max_length": 60 })),
    ];
    model
}

pub(crate) fn damage(random: &mut Random, files: &mut Files) {
    match random.below(4) {
        0 => damage_modules(random, files),
        1 => drop(files.remove(one_of(random, READ))),
        _ => {
            if let Some(file) = files.get_mut(one_of(random, READ)) {
                json::damage(random, file);
            }
        }
    }
}

/// Modules in another order, again, of another class or in another place.
fn damage_modules(random: &mut Random, files: &mut Files) {
    let Some(file) = files.get_mut(READ[0]) else {
        return;
    };
    let Ok(Value::Array(mut modules)) = serde_json::from_slice(file) else {
        return;
    };
    if modules.is_empty() || !modules.iter().all(Value::is_object) {
        return;
    }
    let (place, other) = (random.below(modules.len()), random.below(modules.len()));
    match random.below(4) {
        0 => modules.swap(place, other),
        1 => modules.insert(other, modules[place].clone()),
        2 => {
            modules[place]["path"] =
                one_of(random, &["..", "../..", "/", ".", "./1_Pooling", "a\u{0}b"]).into();
        }
        _ => {
            modules[place]["type"] =
                one_of(random, &["Transformer", "Pooling", ".", "", "x.Dense"]).into();
        }
    }
    *file = Value::Array(modules).to_string().into_bytes();
}
