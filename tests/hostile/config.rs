//! Damage to `config.json`.

use serde_json::{Map, Value};
use wgformer::verify::Random;

use crate::generated_model::{GeneratedModel, HIDDEN, INTERMEDIATE, POSITIONS};
use crate::json::{self, one_of};
use crate::subject::Files;

/// Sizes that the weights confirm or contradict.
const SIZES: &[&str] = &[
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "type_vocab_size",
    "vocab_size",
];

/// What else is read, and what is refused.
const OTHERS: &[&str] = &[
    "model_type",
    "hidden_act",
    "position_embedding_type",
    "is_decoder",
    "add_cross_attention",
    "layer_norm_eps",
    "architectures",
    "torch_dtype",
    "nobody_knows",
];

/// Models of usual sizes, of the least, and of such as no vector divides.
pub(crate) fn models() -> [GeneratedModel; 3] {
    [GeneratedModel::new(), sized(1, 1, 8), sized(33, 7, 9)]
}

/// A tiny model of other sizes, contradicting nothing.
pub(crate) fn sized(hidden: usize, intermediate: usize, positions: usize) -> GeneratedModel {
    let mut model = GeneratedModel::new();
    let heads = if hidden.is_multiple_of(2) { 2 } else { 1 };
    model.config["hidden_size"] = hidden.into();
    model.config["num_attention_heads"] = heads.into();
    model.config["intermediate_size"] = intermediate.into();
    model.config["max_position_embeddings"] = positions.into();
    for (name, weight) in &mut model.weights {
        for size in &mut weight.shape {
            *size = match *size {
                HIDDEN => hidden,
                POSITIONS if name.contains("position") => positions,
                INTERMEDIATE => intermediate,
                other => other,
            };
        }
        let count: usize = weight.shape.iter().product();
        let value = |place: usize| (place % 13) as f32 / 13.0 - 0.5;
        weight.values = (0..count).map(value).collect();
    }
    model
}

pub(crate) fn damage(random: &mut Random, files: &mut Files) {
    let config = files.get_mut("config.json").unwrap();
    let parsed: Result<Map<String, Value>, _> = serde_json::from_slice(config);
    let Ok(fields) = parsed else {
        return json::damage(random, config);
    };
    let keys = match random.below(4) {
        0 => return json::damage(random, config),
        1 => OTHERS,
        _ => SIZES,
    };
    *config = set(fields, one_of(random, keys), json::number(random)).into_bytes();
}

/// The fields with another number in one of them, as JSON.
fn set(mut fields: Map<String, Value>, key: &str, number: &str) -> String {
    fields.insert(key.to_owned(), Value::Null);
    json::replace_at(fields.into(), &format!("/{key}"), number)
}
