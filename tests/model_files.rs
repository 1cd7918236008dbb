//! How a model may be stored, and what is said of one that is damaged, contradictory or not supported: always a typed
//! error that names the file and what is wrong in it. What is damaged at random is in `tests/hostile/`.

mod common;
#[path = "common/generated_model.rs"]
mod generated_model;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use generated_model::{GeneratedModel, HIDDEN, POSITIONS, Weight, write_json};
use half::bf16;
use safetensors::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::models::{Head, Model, SentenceTransformer};
use wgformer::ops::Pooling;
use wgformer::tasks::{Embedder, EmbedderOptions, cosine};
use wgformer::tensor::WeightType;
use wgformer::text::Tokenizer;
use wgformer::{Error, Gpu, Result};

/// The second has a word that is not in the vocabulary.
const TEXTS: &[&str] = &[
    "hello world",
    "a zebra",
    "",
    "a small red dog in the rain, and three words!",
    "snow",
];

fn embed(gpu: &Gpu, directory: &Path) -> Result<Vec<Vec<f32>>> {
    Embedder::load(gpu, directory)?.embed(TEXTS)
}

/// A tiny model with a change, written.
fn model(change: impl FnOnce(&mut GeneratedModel)) -> TempDir {
    let mut model = GeneratedModel::new();
    change(&mut model);
    let directory = tempfile::tempdir().unwrap();
    model.write(directory.path());
    directory
}

/// A tiny model with other JSON files.
fn with(extra: &[(&'static str, Value)]) -> TempDir {
    model(|model| model.extra = extra.to_vec())
}

/// A tiny model with the files of sentence-transformers for a mean, and with others.
fn sentence_transformer(extra: &[(&'static str, Value)]) -> TempDir {
    let two = modules(&[("Transformer", ""), ("Pooling", "1_Pooling")]);
    let mean = json!({ "word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": true });
    with(&[&[("modules.json", two), (POOLING, mean)], extra].concat())
}

/// A tiny model, one of whose files is replaced by something else.
fn replaced(file: &str, bytes: impl AsRef<[u8]>) -> TempDir {
    let directory = model(|_| ());
    fs::write(directory.path().join(file), bytes).unwrap();
    directory
}

/// A tiny model without one of its files.
fn without(file: &str) -> TempDir {
    let directory = model(|_| ());
    fs::remove_file(directory.path().join(file)).unwrap();
    directory
}

/// The rows of a table: columns between bars, one row per line.
fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| {
        let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
        <[&str; N]>::try_from(columns).unwrap_or_else(|_| panic!("not {N} columns: {line}"))
    })
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Checks that an attempt fails soon, with an error of this variant whose message names all `needles`, which
/// semicolons separate.
fn expect_error<T>(row: &str, attempt: impl FnOnce() -> Result<T>, variant: &str, needles: &str) {
    let started = Instant::now();
    let error = attempt().map(|_| ()).expect_err(row);
    let message = error.to_string();
    assert_eq!(variant_of(&error), variant, "{row}: {message}");
    for needle in needles.split("; ") {
        assert!(message.contains(needle), "{row}: no {needle} in: {message}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{row}");
}

fn variant_of(error: &Error) -> String {
    let debug = format!("{error:?}");
    debug.split(' ').next().unwrap_or_default().to_owned()
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

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A tiny model whose safetensors file has another header before the same data.
fn with_header(change: impl FnOnce(String) -> String) -> TempDir {
    let directory = model(|_| ());
    rewrite(&directory.path().join("model.safetensors"), |file| {
        let (header, data) = split(file);
        let header = change(String::from_utf8(header.to_vec()).unwrap());
        let length = (header.len() as u64).to_le_bytes();
        *file = [&length[..], header.as_bytes(), data].concat();
    });
    directory
}

/// A safetensors file's header and its data.
fn split(file: &[u8]) -> (&[u8], &[u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap());
    file[8..].split_at(length as usize)
}

#[test]
fn however_the_weights_are_stored_the_result_has_the_same_bits() {
    let (gpu, _turn) = common::gpu();
    let expected = embed(&gpu, model(|_| ()).path()).unwrap();
    type Change = fn(&mut GeneratedModel);
    let changes: [(&str, Change); 8] = [
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
fn a_damaged_weights_file_is_named_with_what_is_wrong_in_it() {
    let (gpu, _turn) = common::gpu();
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        let needles = format!("model.safetensors; {needles}");
        expect_error(row, || embed(&gpu, directory.path()), variant, &needles);
    };
    attempt("none", without("model.safetensors"), "Io", "No such file");
    for (file, needles) in [
        (&b""[..], "cut off"),
        (b"1234567", "cut off"),
        (b"<!DOCTYPE html>", "no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ] {
        let row = String::from_utf8_lossy(file);
        let directory = replaced("model.safetensors", file);
        attempt(&row, directory, "Malformed", needles);
    }

    type Change = fn(&mut Vec<u8>);
    let changes: [(Change, &str); 9] = [
        (|file| file.truncate(100), "cut off"),
        (|file| file.truncate(file.len() / 2), "cut off"),
        (|file| file.truncate(file.len() - 1), "cut off"),
        (|file| file.push(0), "do not fill the file"),
        // The length of the header: most, more than is allowed, more than there is, nothing.
        (|file| file[..8].fill(0xff), "header"),
        (|file| file[3] = 0xff, "header"),
        (|file| file[2] = 0xff, "header is longer than the file"),
        (|file| file[..8].fill(0), "header"),
        (|file| file[8] = b'x', "header"),
    ];
    for (row, (change, needles)) in changes.into_iter().enumerate() {
        let directory = model(|_| ());
        rewrite(&directory.path().join("model.safetensors"), change);
        attempt(&row.to_string(), directory, "Malformed", needles);
    }

    // What the header says of its first tensor; the product of the third row does not fit 64 bits.
    let table = r#"
        "data_offsets":[0,  |  "data_offsets":[4,                                         |  header
        "shape":[           |  "shape":[2,                                                |  header
        "shape":[           |  "shape":[4611686018427387904,4611686018427387904,          |  header
        "shape":[           |  "shape":[-1,                                               |  header
        "F32"               |  "F33"                                                      |  header; F33
    "#;
    for row in rows::<3>(table) {
        let [from, to, needles] = row;
        let directory = with_header(|header| {
            assert!(header.contains(from), "{header}");
            header.replacen(from, to, 1)
        });
        attempt(&row.join(" "), directory, "Malformed", needles);
    }
}

#[test]
fn an_index_names_files_beside_it_and_nothing_else() {
    let (gpu, _turn) = common::gpu();
    let index = "model.safetensors.index.json";
    let table = r#"
        {"weight_map": {"a": "../model.safetensors"}}  |  Malformed  |  index.json; "../model.safetensors"
        {"weight_map": {"a": "/model.safetensors"}}    |  Malformed  |  index.json; "/model.safetensors"
        {"weight_map": {"a": "a/model.safetensors"}}   |  Malformed  |  index.json; "a/model.safetensors"
        {"weight_map": {"a": ".."}}                    |  Malformed  |  index.json; ".."
        {"weight_map": {"a": ""}}                      |  Malformed  |  index.json; ""
        {"weight_map": {"a": 1}}                       |  Malformed  |  index.json; string
        {"weight_map": {}}                             |  Malformed  |  index.json; no file
        {"weight_map": ["a"]}                          |  Malformed  |  index.json; map
        {}                                             |  Malformed  |  index.json; weight_map
        {"weight_map": {"a": "lost.safetensors"}}      |  Io         |  lost.safetensors
    "#;
    for [json, variant, needles] in rows(table) {
        let directory = without("model.safetensors");
        write_json(&directory.path().join(index), &parsed(json));
        expect_error(json, || embed(&gpu, directory.path()), variant, needles);
    }
    let directory = model(|model| model.shards = 2);
    let second = "model-00002-of-00002.safetensors";
    fs::remove_file(directory.path().join(second)).unwrap();
    expect_error("lost", || embed(&gpu, directory.path()), "Io", second);
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
    let mut options = EmbedderOptions::default();
    options.model.weight_type = WeightType::F16;
    let load = || Embedder::load_with(&gpu, large.path(), &options);
    let needles = format!("{key}; 70000; element 37; f16; use f32");
    expect_error("f16", load, "NotFinite", &needles);
}

#[test]
fn a_configuration_that_cannot_be_run_is_refused_by_key_and_value() {
    // No device is needed to find any of these.
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        let graph = || Model::graph(directory.path(), Head::HiddenStates);
        expect_error(row, graph, variant, needles);
    };
    let table = r#"
        model_type               |  "bart"                |  Unsupported    |  config.json; model_type; "bart"; supported: bert
        model_type               |  null                  |  Malformed      |  config.json; model_type; missing
        model_type               |  7                     |  Malformed      |  config.json; model_type; is 7
        hidden_act               |  "relu"                |  Unsupported    |  config.json; hidden_act; "relu"; supported: "gelu"
        hidden_act               |  ["gelu"]              |  Unsupported    |  hidden_act; supported: "gelu"
        position_embedding_type  |  "relative_key"        |  Unsupported    |  position_embedding_type; "relative_key"; "absolute"
        is_decoder               |  true                  |  Unsupported    |  is_decoder; "true"; supported: false
        add_cross_attention      |  true                  |  Unsupported    |  add_cross_attention; "true"; supported: false
        rotary_emb_base          |  1000                  |  Unsupported    |  config.json; key "rotary_emb_base"; hidden_size
        num_attention_heads      |  0                     |  Malformed      |  num_attention_heads; is 0
        num_attention_heads      |  5                     |  Malformed      |  hidden_size 32; num_attention_heads 5
        num_attention_heads      |  64                    |  Malformed      |  hidden_size 32; num_attention_heads 64
        hidden_size              |  0                     |  Malformed      |  config.json; hidden_size; is 0
        hidden_size              |  -32                   |  Malformed      |  hidden_size; is -32
        hidden_size              |  32.5                  |  Malformed      |  hidden_size; is 32.5
        hidden_size              |  "32"                  |  Malformed      |  hidden_size; is "32"
        hidden_size              |  [32]                  |  Malformed      |  hidden_size; is [32]
        hidden_size              |  1e18                  |  Malformed      |  hidden_size; is 1e+18
        hidden_size              |  1000000000000000000   |  Malformed      |  hidden_size; is 1000000000000000000
        hidden_size              |  18446744073709551615  |  Malformed      |  hidden_size; is 18446744073709551615
        hidden_size              |  268435456             |  TensorShape    |  word_embeddings.weight; , 32]; , 268435456]
        hidden_size              |  null                  |  TensorShape    |  word_embeddings.weight; , 32]; , 768]
        vocab_size               |  0                     |  Malformed      |  vocab_size; is 0
        vocab_size               |  10                    |  TensorShape    |  word_embeddings.weight; , 32]; [10, 32]
        max_position_embeddings  |  0                     |  Malformed      |  max_position_embeddings; is 0
        max_position_embeddings  |  512                   |  TensorShape    |  position_embeddings.weight; [64, 32]; [512, 32]
        type_vocab_size          |  0                     |  Malformed      |  type_vocab_size; is 0
        intermediate_size        |  0                     |  Malformed      |  intermediate_size; is 0
        intermediate_size        |  128                   |  TensorShape    |  layer.0.intermediate.dense.weight; [64, 32]; [128, 32]
        num_hidden_layers        |  0                     |  Malformed      |  num_hidden_layers; is 0
        num_hidden_layers        |  3                     |  TensorMissing  |  encoder.layer.2.
        num_hidden_layers        |  100000000             |  TensorMissing  |  encoder.layer.2.
        layer_norm_eps           |  0                     |  Malformed      |  layer_norm_eps; is 0
        layer_norm_eps           |  -1e-12                |  Malformed      |  layer_norm_eps; is -1e-12
        layer_norm_eps           |  1e300                 |  Malformed      |  layer_norm_eps; is 1e+300
        layer_norm_eps           |  1e-60                 |  Malformed      |  layer_norm_eps; is 1e-60
        layer_norm_eps           |  "1e-12"               |  Malformed      |  layer_norm_eps; is "1e-12"
    "#;
    for row in rows::<4>(table) {
        let [key, value, variant, needles] = row;
        let directory = model(|model| model.config[key] = parsed(value));
        attempt(&row.join(" "), directory, variant, needles);
    }

    attempt("none", without("config.json"), "Io", "config.json");
    for (text, needles) in [
        ("", "EOF"),
        ("hidden_size: 32", "line 1"),
        ("[]", "map"),
        ("null", "map"),
        (&"{\"a\":".repeat(100_000), "recursion"),
        (&" ".repeat((16 << 20) + 1), "larger than 16777216 bytes"),
    ] {
        let directory = replaced("config.json", text);
        let needles = format!("config.json; {needles}");
        attempt(&needles, directory, "Malformed", &needles);
    }
}

#[test]
fn a_broken_tokenizer_is_an_error_and_never_a_panic() {
    let (gpu, _turn) = common::gpu();
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        expect_error(row, || embed(&gpu, directory.path()), variant, needles);
    };
    let file = "tokenizer.json";
    attempt("none", without(file), "Io", file);
    for text in [
        "",
        "not a tokenizer",
        "{}",
        "[]",
        "{\"model\":1}",
        &"[".repeat(100_000),
    ] {
        attempt(text, replaced(file, text), "Tokenizer", file);
    }
    attempt("not UTF-8", replaced(file, [0xff; 99]), "Tokenizer", file);

    // It does not know its own unknown token; it panics; and it is fine, but belongs to another model.
    let table = r#"
        /model                  |  "WordPiece"                           |  Tokenizer  |  tokenizer.json
        /model/type             |  "WordPieces"                          |  Tokenizer  |  tokenizer.json
        /model/vocab            |  ["hello"]                             |  Tokenizer  |  tokenizer.json
        /model/vocab/hello      |  -1                                    |  Tokenizer  |  tokenizer.json
        /model/vocab/hello      |  4294967296                            |  Tokenizer  |  tokenizer.json
        /model/unk_token        |  "[NONE]"                              |  Tokenizer  |  tokenizer.json; [UNK]
        /pre_tokenizer          |  {"type": "FixedLength", "length": 0}  |  Tokenizer  |  tokenizer.json; panicked
        /model/vocab/hello      |  5000                                  |  Input      |  "ids"; 5000; not below
        /model/vocab/hello      |  4294967295                            |  Input      |  "ids"; 4294967295
        /post_processor/single/1/Sequence/type_id  |  2                  |  Input      |  "types"; 2; not below
    "#;
    for row in rows::<4>(table) {
        let [pointer, value, variant, needles] = row;
        let directory = model(|model| {
            *model.tokenizer.pointer_mut(pointer).expect(pointer) = parsed(value);
        });
        attempt(&row.join(" "), directory, variant, needles);
    }

    // No room for a text between the special tokens.
    for (max_seq_length, needles) in [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens")] {
        let directory = sentence_transformer(&[(
            "sentence_bert_config.json",
            json!({ "max_seq_length": max_seq_length }),
        )]);
        let needles = format!("{file}; no room; {needles}; 2 special");
        attempt("room", directory, "Tokenizer", &needles);
    }
}

#[test]
fn a_tokenizers_own_truncation_and_padding_do_not_count() {
    let load = |directory: TempDir, max_tokens| {
        Tokenizer::load(&directory.path().join("tokenizer.json"), max_tokens).unwrap()
    };
    let own = model(|model| {
        model.tokenizer["truncation"] = json!({
            "direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 1,
        });
        model.tokenizer["padding"] = json!({
            "strategy": { "Fixed": 1_000_000_000_000_u64 }, "direction": "Left",
            "pad_to_multiple_of": 8, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
        });
    });
    let cut = load(own, 6)
        .encode(&["one two three four five six", ""])
        .unwrap();
    let plain = load(model(|_| ()), POSITIONS);
    assert_eq!(cut, plain.encode(&["one two three four", ""]).unwrap());
    assert_eq!(cut[1].ids, [2, 3], "[CLS] and [SEP]");
}

/// The modules of a sentence-transformers directory: the class's last name and the folder of each.
fn modules(modules: &[(&str, &str)]) -> Value {
    let kind = |kind: &str| format!("sentence_transformers.models.{kind}");
    let module = |(name, path): &(&str, &str)| json!({ "type": kind(name), "path": path });
    modules.iter().map(module).collect()
}

const POOLING: &str = "1_Pooling/config.json";

#[test]
fn sentence_transformers_files_decide_how_vectors_are_made() {
    let read = |extra: &[(&'static str, Value)]| {
        let own = SentenceTransformer::read(with(extra).path()).unwrap();
        (own.pooling, own.normalize)
    };
    let two = modules(&[("Transformer", ""), ("Pooling", "1_Pooling")]);
    let mut three = two.clone();
    three
        .as_array_mut()
        .unwrap()
        .push(json!({ "type": "x.Normalize", "path": "2_Normalize" }));
    for (json, pooling) in [
        (json!({ "pooling_mode": "mean" }), Pooling::Mean),
        (
            json!({ "pooling_mode": "max", "include_prompt": true }),
            Pooling::Max,
        ),
        (json!({ "pooling_mode": "cls" }), Pooling::Cls),
        (json!({ "pooling_mode": "lasttoken" }), Pooling::Last),
        (
            json!({ "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false }),
            Pooling::Mean,
        ),
        (
            json!({ "pooling_mode_max_tokens": true, "pooling_mode": null }),
            Pooling::Max,
        ),
        (
            json!({ "pooling_mode_cls_token": true, "word_embedding_dimension": 32 }),
            Pooling::Cls,
        ),
        (json!({ "pooling_mode_lasttoken": true }), Pooling::Last),
    ] {
        let normalized = read(&[("modules.json", three.clone()), (POOLING, json.clone())]);
        assert_eq!(normalized, (pooling, true), "{json}");
        let plain = read(&[("modules.json", two.clone()), (POOLING, json.clone())]);
        assert_eq!(plain, (pooling, false), "{json}");
    }
    assert_eq!(read(&[]), (Pooling::Mean, false));
    assert_eq!(read(&[("modules.json", json!([]))]), (Pooling::Mean, false));
    // What is written for a model that has prompts and uses none by itself.
    let prompts = json!({ "prompts": { "query": "query: " }, "default_prompt_name": null });
    assert_eq!(
        read(&[("config_sentence_transformers.json", prompts)]),
        (Pooling::Mean, false)
    );
}

#[test]
fn sentence_transformers_files_that_ask_for_more_are_refused() {
    let attempt = |row: &[&str], directory: TempDir, variant: &str, needles: &str| {
        let read = || SentenceTransformer::read(directory.path());
        expect_error(&row.join(" "), read, variant, needles);
    };
    let table = r#"
        modules.json                        |  {}                                  |  Malformed    |  modules.json
        modules.json                        |  [{"path": ""}]                      |  Malformed    |  modules.json; type
        modules.json                        |  [{"type": 1}]                       |  Malformed    |  modules.json; string
        modules.json                        |  [{"type": "a.Dense"}]               |  Unsupported  |  modules.json; module "Dense"; Transformer, Pooling, Normalize
        modules.json                        |  [{"type": "a.Pooling", "path": "1_Pooling"}]    |  Io         |  1_Pooling; config.json
        modules.json                        |  [{"type": "Transformer", "path": "../other"}]   |  Malformed  |  modules.json; "../other"
        modules.json                        |  [{"type": "Transformer", "path": "a/../../b"}]  |  Malformed  |  modules.json; "a/../../b"
        modules.json                        |  [{"type": "Transformer", "path": "/other"}]     |  Malformed  |  modules.json; "/other"
        modules.json                        |  [{"type": "Normalize"}, {"type": "Transformer"}]     |  Unsupported  |  modules.json; order of modules "Normalize, Transformer"
        config_sentence_transformers.json   |  {"default_prompt_name": "query"}    |  Unsupported  |  config_sentence_transformers.json; default_prompt_name "query"
        config_sentence_transformers.json   |  {"default_prompt_name": 1}          |  Malformed    |  config_sentence_transformers.json; string
        tokenizer_config.json               |  {"model_max_length": "long"}        |  Malformed    |  tokenizer_config.json; string
    "#;
    for row in rows::<4>(table) {
        let [file, json, variant, needles] = row;
        let directory = model(|_| ());
        write_json(&directory.path().join(file), &parsed(json));
        attempt(&row, directory, variant, needles);
    }
    let table = r#"
        1_Pooling/config.json      |  []                                      |  Malformed    |  1_Pooling; config.json
        1_Pooling/config.json      |  {}                                      |  Unsupported  |  1_Pooling; pooling mode "none"; mean, max, cls, lasttoken
        1_Pooling/config.json      |  {"pooling_mode": "weightedmean"}        |  Unsupported  |  pooling mode "weightedmean"
        1_Pooling/config.json      |  {"pooling_mode": ["mean", "cls"]}       |  Unsupported  |  pooling mode; mean\",\"cls
        1_Pooling/config.json      |  {"pooling_mode_weightedmean_tokens": true}  |  Unsupported  |  pooling mode "weightedmean_tokens"
        1_Pooling/config.json      |  {"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}  |  Unsupported  |  "cls_token and max_tokens"
        sentence_bert_config.json  |  {"max_seq_length": -1}                  |  Malformed    |  sentence_bert_config.json; -1
        sentence_bert_config.json  |  {"max_seq_length": "256"}               |  Malformed    |  sentence_bert_config.json; string
        sentence_bert_config.json  |  {"do_lower_case": "yes"}                |  Malformed    |  sentence_bert_config.json; string
    "#;
    for row in rows::<4>(table) {
        let [file, json, variant, needles] = row;
        let both = modules(&[("Transformer", ""), ("Pooling", "1_Pooling")]);
        let directory = with(&[("modules.json", both)]);
        write_json(&directory.path().join(file), &parsed(json));
        attempt(&row, directory, variant, needles);
    }
}

#[test]
fn a_pooling_of_other_dimensions_than_the_models_is_refused() {
    let (gpu, _turn) = common::gpu();
    let two = modules(&[("Transformer", ""), ("Pooling", "1_Pooling")]);
    let load = |dimensions: usize| {
        let pooling = json!({ "word_embedding_dimension": dimensions, "pooling_mode": "mean" });
        let directory = with(&[("modules.json", two.clone()), (POOLING, pooling)]);
        Embedder::load(&gpu, directory.path())
    };
    load(HIDDEN).unwrap();
    let needles = "1_Pooling; config.json; 384 dimensions, the model has 32";
    expect_error("384", || load(384), "Malformed", needles);
}

#[test]
fn a_directory_without_sentence_transformers_files_gives_means_as_they_are() {
    let (gpu, _turn) = common::gpu();
    let plain = model(|_| ());
    let with_options = |pooling: Pooling, normalize: bool| {
        let mut options = EmbedderOptions::default();
        (options.pooling, options.normalize) = (Some(pooling), Some(normalize));
        let embedder = Embedder::load_with(&gpu, plain.path(), &options).unwrap();
        embedder.embed(TEXTS).unwrap()
    };
    let default = embed(&gpu, plain.path()).unwrap();
    assert_eq!(default, with_options(Pooling::Mean, false));
    assert_ne!(default, with_options(Pooling::Mean, true));
    assert_ne!(default, with_options(Pooling::Cls, false));
    assert!(default.iter().all(|vector| vector.len() == HIDDEN));
    assert!(default.concat().iter().all(|value| value.is_finite()));
}

#[test]
fn a_text_is_cut_where_the_models_files_say() {
    let (gpu, _turn) = common::gpu();
    let long = "word ".repeat(200);
    // sentence-transformers' limit, the tokenizer's, and the tokens kept; transformers writes 1e30 for "no limit".
    let table = r"
        null           |  null  |  64
        null           |  9     |  9
        null           |  1e30  |  64
        null           |  0     |  64
        3              |  9     |  3
        20             |  9     |  20
        1000000000000  |  9     |  64
    ";
    for [max_seq_length, model_max_length, expected] in rows(table) {
        let directory = sentence_transformer(&[
            (
                "sentence_bert_config.json",
                json!({ "max_seq_length": parsed(max_seq_length) }),
            ),
            (
                "tokenizer_config.json",
                json!({ "model_max_length": parsed(model_max_length) }),
            ),
        ]);
        let expected: usize = expected.parse().unwrap();
        let embedder = Embedder::load(&gpu, directory.path()).unwrap();
        assert_eq!(embedder.model().max_tokens(), expected);
        let cut = "word ".repeat(expected - 2);
        let results = embedder.embeddings(&[&long, &cut, "word"]).unwrap();
        assert_eq!(results[0], results[1]);
        assert_eq!([results[0].tokens, results[2].tokens], [expected, 3]);
    }
    let plain = Embedder::load(&gpu, model(|_| ()).path()).unwrap();
    assert_eq!(plain.model().max_tokens(), POSITIONS);
}

#[test]
fn texts_are_put_in_lower_case_only_if_the_model_says_so() {
    let (gpu, _turn) = common::gpu();
    let embed = |lower_case: bool| {
        let directory = sentence_transformer(&[(
            "sentence_bert_config.json",
            json!({ "do_lower_case": lower_case }),
        )]);
        let embedder = Embedder::load(&gpu, directory.path()).unwrap();
        embedder.embed(&["HELLO World", "hello world"]).unwrap()
    };
    let (lowered, kept) = (embed(true), embed(false));
    assert_eq!(lowered[0], lowered[1]);
    assert_ne!(kept[0], kept[1]);
    assert_eq!(kept[1], lowered[1]);
}

#[test]
fn the_transformer_may_be_in_a_folder_of_its_own() {
    let (gpu, _turn) = common::gpu();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let both = modules(&[("Transformer", "0_Transformer"), ("Pooling", "1_Pooling")]);
    write_json(&file("modules.json"), &both);
    write_json(&file(POOLING), &json!({ "pooling_mode": "mean" }));
    GeneratedModel::new().write(&file("0_Transformer"));
    let expected = embed(&gpu, &file("0_Transformer")).unwrap();
    assert_eq!(embed(&gpu, directory.path()).unwrap(), expected);
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

#[test]
fn a_checkpoint_of_pickles_is_refused_by_name() {
    let directory = model(|_| ());
    fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    fs::write(directory.path().join("pytorch_model.bin"), b"PK").unwrap();
    let needles = "pytorch_model.bin; model.safetensors";
    let open = || wgformer::models::Checkpoint::open(directory.path());
    expect_error("pickles", open, "Unsupported", needles);
}
