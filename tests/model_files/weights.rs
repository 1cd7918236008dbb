//! Weights by name, shape, type and value, in whichever file they are.

use std::collections::BTreeMap;

use half::bf16;
use safetensors::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::Error;
use wgformer::models::ModelOptions;
use wgformer::tasks::{Embedder, EmbedderOptions, cosine};
use wgformer::tensor::WeightType;

use crate::common;
use crate::generated_model::{Format, GeneratedModel, HIDDEN, Weight};
use crate::harness::{TEXTS, embed, expect_error, model};
use crate::weight_files::with_header;

#[test]
fn however_the_weights_are_stored_the_result_has_the_same_bits() {
    let (gpu, _turn) = common::gpu();
    let expected = embed(&gpu, model(|_| ()).path()).unwrap();
    type Change = fn(&mut GeneratedModel);
    let changes: [(&str, Change); 12] = [
        ("prefix", |model| rename(&mut model.weights, prefixed)),
        ("old names", |model| rename(&mut model.weights, old_name)),
        ("both", |model| {
            rename(&mut model.weights, |name| prefixed(&old_name(name)));
        }),
        ("three shards", |model| model.shards = 3),
        // The weights are exact in f16.
        ("f16", |model| model.dtype = Dtype::F16),
        ("f16 in two shards", |model| {
            model.dtype = Dtype::F16;
            model.shards = 2;
        }),
        ("torch", |model| model.format = Format::Torch),
        ("torch, transposed", |model| {
            model.format = Format::TorchTransposed
        }),
        ("torch, f16 in two shards", |model| {
            model.format = Format::Torch;
            model.dtype = Dtype::F16;
            model.shards = 2;
        }),
        ("torch, f16, transposed", |model| {
            model.format = Format::TorchTransposed;
            model.dtype = Dtype::F16;
        }),
        ("a tensor that is not used", |model| {
            let pooler = model.weights["encoder.layer.0.attention.output.dense.weight"].clone();
            let name = "pooler.dense.weight".to_owned();
            model.weights.insert(name, pooler);
        }),
        ("keys that say nothing new", |model| {
            model.config["position_embedding_type"] = json!("absolute");
            model.config["is_decoder"] = json!(false);
            model.config["hidden_dropout_prob"] = json!(0.1);
            model.config["classifier_dropout"] = Value::Null;
            model.config["torch_dtype"] = json!("float32");
        }),
    ];
    for (name, change) in changes {
        let found = embed(&gpu, model(change).path()).unwrap();
        assert_eq!(found, expected, "{name}");
    }
    // Three more spaces at the end of the header move every f32 off its alignment.
    let not_aligned = with_header(|header| header + "   ");
    assert_eq!(embed(&gpu, not_aligned.path()).unwrap(), expected);
}

fn rename(weights: &mut BTreeMap<String, Weight>, new_name: impl Fn(&str) -> String) {
    let old = std::mem::take(weights);
    weights.extend(old.into_iter().map(|(name, w)| (new_name(&name), w)));
}

fn prefixed(name: &str) -> String {
    format!("bert.{name}")
}

/// As checkpoints of the first years call a norm's parameters.
fn old_name(name: &str) -> String {
    name.replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta")
}

#[test]
fn bf16_weights_are_exactly_the_f32_weights_rounded() {
    let (gpu, _turn) = common::gpu();
    let original = embed(&gpu, model(|_| ()).path()).unwrap();
    let stored = model(|model| model.dtype = Dtype::BF16);
    let stored = embed(&gpu, stored.path()).unwrap();
    let rounded = model(|model| {
        let weights = model.weights.values_mut();
        for value in weights.flat_map(|weight| &mut weight.values) {
            *value = bf16::from_f32(*value).to_f32();
        }
    });
    assert_eq!(stored, embed(&gpu, rounded.path()).unwrap());
    assert_ne!(stored, original, "rounding changes these weights");
    for (stored, original) in stored.iter().zip(&original) {
        // 8 bits in every weight: some thousandths of a vector's direction.
        let cosine = cosine(stored, original);
        assert!(cosine > 0.999, "{cosine}");
    }
}

#[test]
fn a_weight_that_does_not_fit_is_named() {
    let (gpu, _turn) = common::gpu();
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        expect_error(row, || embed(&gpu, directory.path()), variant, needles);
    };
    let key = "encoder.layer.1.attention.self.key.weight";
    for name in [key, "embeddings.LayerNorm.bias"] {
        let directory = model(|model| drop(model.weights.remove(name)));
        attempt(name, directory, "TensorMissing", name);
    }
    for (shape, needles) in [(vec![64, 16], "[64, 16]"), (vec![1024], "[1024]")] {
        let needles = format!("{key}; {needles}; [32, 32]");
        let directory = model(|model| model.weights.get_mut(key).unwrap().shape = shape);
        attempt("shape", directory, "TensorShape", &needles);
    }
    let integers = model(|model| model.dtype = Dtype::I64);
    let needles = "model.safetensors; \"embeddings.; I64; F32, F16 and BF16";
    attempt("integers", integers, "Malformed", needles);
    let integers = model(|model| {
        model.dtype = Dtype::I64;
        model.format = Format::Torch;
    });
    let needles = "pytorch_model.bin; \"embeddings.; I64; F32, F16 and BF16";
    attempt("integers", integers, "Malformed", needles);

    for (name, index, value, needles) in [
        (key, 37, f32::NAN, "NaN; element 37; damaged"),
        (key, 0, f32::INFINITY, "inf; element 0; damaged"),
        (
            "embeddings.word_embeddings.weight",
            77,
            -f32::INFINITY,
            "-inf; element 77",
        ),
        (
            "encoder.layer.0.output.LayerNorm.weight",
            31,
            f32::NAN,
            "element 31",
        ),
        (
            "encoder.layer.0.attention.self.value.bias",
            5,
            f32::NAN,
            "element 5",
        ),
    ] {
        let directory = model(|model| model.weights.get_mut(name).unwrap().values[index] = value);
        attempt(name, directory, "NotFinite", &format!("{name}; {needles}"));
    }

    // What f32 holds and f16 does not is an error with f16 weights only.
    let large = model(|model| model.weights.get_mut(key).unwrap().values[37] = 70_000.0);
    embed(&gpu, large.path()).unwrap();
    let options =
        EmbedderOptions::default().model(ModelOptions::default().weight_type(WeightType::F16));
    let load = || Embedder::load_with(&gpu, large.path(), &options);
    let needles = format!("{key}; 70000; element 37; f16; use f32");
    expect_error("f16", load, "NotFinite", &needles);
}

#[test]
fn a_model_that_overflows_on_a_text_says_which() {
    let (gpu, _turn) = common::gpu();
    // Each value is finite, and their sum is not: only a text with this word overflows.
    let directory = model(|model| {
        let snow = model.tokenizer["model"]["vocab"]["snow"].as_u64().unwrap() as usize;
        let words = model.weights.get_mut("embeddings.word_embeddings.weight");
        words.unwrap().values[snow * HIDDEN..][..HIDDEN].fill(3e38);
    });
    let embedder = Embedder::load(&gpu, directory.path()).unwrap();
    let before = embedder.embed(&TEXTS[..4]).unwrap();
    let error = embedder.embed(TEXTS).unwrap_err();
    assert!(matches!(error, Error::Overflow { index: 4, value } if !value.is_finite()));
    assert!(error.to_string().contains("text 4"), "{error}");
    assert_eq!(embedder.embed(&TEXTS[..4]).unwrap(), before);
}
