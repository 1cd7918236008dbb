//! The files of sentence-transformers: how vectors are made of a transformer's output, and where texts are cut.

use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::index::Metric;
use wgformer::models::{Head, Network, ScoreFunction, SentenceTransformer};
use wgformer::ops::Pooling;
use wgformer::tasks::{Embedder, EmbedderOptions};

use crate::common;
use crate::generated_model::{GeneratedModel, HIDDEN, POSITIONS, write_json};
use crate::harness::{TEXTS, embed, expect_error, model, parsed, rows, with};

const POOLING: &str = "1_Pooling/config.json";

/// A tiny model with the files of sentence-transformers for a mean, and with others.
pub(crate) fn sentence_transformer(extra: &[(&'static str, Value)]) -> TempDir {
    let two = modules(&[("Transformer", ""), ("Pooling", "1_Pooling")]);
    let mean = json!({ "word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": true });
    with(&[&[("modules.json", two), (POOLING, mean)], extra].concat())
}

/// The modules of a sentence-transformers directory: the class's last name and the folder of each.
fn modules(modules: &[(&str, &str)]) -> Value {
    let kind = |kind: &str| format!("sentence_transformers.models.{kind}");
    let module = |(name, path): &(&str, &str)| json!({ "type": kind(name), "path": path });
    modules.iter().map(module).collect()
}

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
        (
            json!({ "pooling_mode": "mean_sqrt_len_tokens" }),
            Pooling::MeanSqrtLen,
        ),
        (
            json!({ "pooling_mode_mean_sqrt_len_tokens": true }),
            Pooling::MeanSqrtLen,
        ),
        (
            json!({ "pooling_mode": "weightedmean" }),
            Pooling::WeightedMean,
        ),
        (
            json!({ "pooling_mode_weightedmean_tokens": true }),
            Pooling::WeightedMean,
        ),
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
        modules.json                        |  [{"type": "a.LSTM"}]                |  Unsupported  |  modules.json; module "LSTM"; Transformer, Pooling, Dense, Normalize
        modules.json                        |  [{"type": "a.Dense", "path": "2_Dense"}]        |  Io         |  2_Dense; config.json
        modules.json                        |  [{"type": "a.Pooling", "path": "1_Pooling"}]    |  Io         |  1_Pooling; config.json
        modules.json                        |  [{"type": "Transformer", "path": "../other"}]   |  Malformed  |  modules.json; "../other"
        modules.json                        |  [{"type": "Transformer", "path": "a/../../b"}]  |  Malformed  |  modules.json; "a/../../b"
        modules.json                        |  [{"type": "Transformer", "path": "/other"}]     |  Malformed  |  modules.json; "/other"
        modules.json                        |  [{"type": "Normalize"}, {"type": "Transformer"}]     |  Unsupported  |  modules.json; order of modules "Normalize, Transformer"
        config_sentence_transformers.json   |  {"default_prompt_name": "query"}    |  Malformed    |  config_sentence_transformers.json; default_prompt_name
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
        1_Pooling/config.json      |  {"pooling_mode": "median"}              |  Unsupported  |  pooling mode "median"
        1_Pooling/config.json      |  {"pooling_mode": ["mean", "cls"]}       |  Unsupported  |  pooling mode; mean\",\"cls
        1_Pooling/config.json      |  {"pooling_mode": "mean", "foo": false}   |  Unsupported  |  1_Pooling; key "foo: false"; remove the key
        1_Pooling/config.json      |  {"pooling_mode_median_tokens": true}    |  Unsupported  |  pooling mode "median_tokens"
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
fn keys_that_nobody_asks_for_are_refused() {
    for (file, value, needles) in [
        (
            "sentence_bert_config.json",
            json!({ "foo": true }),
            "foo: true",
        ),
        (
            "sentence_bert_config.json",
            json!({ "foo": false }),
            "foo: false; remove the key; open an issue",
        ),
        (
            "sentence_bert_config.json",
            json!({ "model_args": { "trust_remote_code": true, "foo": 1 } }),
            "model_args: ; foo",
        ),
        (
            "sentence_bert_config.json",
            json!({ "processing_kwargs": { "text": { "max_length": 4 } } }),
            "processing_kwargs; max_length",
        ),
        (
            "sentence_bert_config.json",
            json!({
                "modality_config": { "text": { "method": "forward", "method_output_name": "pooler_output" } },
                "module_output_name": "sentence_embedding",
            }),
            "modality_config; pooler_output; sentence_embedding; last_hidden_state",
        ),
        (
            "config_sentence_transformers.json",
            json!({ "foo": {} }),
            "foo: {}",
        ),
    ] {
        let directory = sentence_transformer(&[(file, value)]);
        let read = || SentenceTransformer::read(directory.path());
        expect_error(needles, read, "Unsupported", &format!("{file}; {needles}"));
    }
    for model_args in [
        json!({ "trust_remote_code": true }),
        json!({ "add_pooling_layer": false }), // arctic-embed
        json!({ "add_pooling_layer": true, "safe_serialization": true, "trust_remote_code": true }), // CodeRankEmbed
    ] {
        let nothing = json!({
            "max_seq_length": 9, "processing_kwargs": {}, "unpad_inputs": null,
            "model_args": model_args, "foo": null,
            "modality_config": { "text": { "method": "forward", "method_output_name": "last_hidden_state" } },
            "module_output_name": "token_embeddings",
        });
        let directory = sentence_transformer(&[("sentence_bert_config.json", nothing)]);
        let read = SentenceTransformer::read(directory.path());
        let read = read.unwrap_or_else(|error| panic!("{model_args}: {error}"));
        assert_eq!(read.max_tokens, Some(9));
    }
    let both = sentence_transformer(&[("sentence_bert_config.json", json!({ "b": 1, "a": [2] }))]);
    let read = || SentenceTransformer::read(both.path());
    expect_error(
        "both",
        read,
        "Unsupported",
        "keys \"a: [2], b: 1\"; remove the keys",
    );
}

#[test]
fn null_says_that_a_key_is_not_set() {
    let dense = modules(&[
        ("Transformer", ""),
        ("Pooling", "1_Pooling"),
        ("Dense", "2_Dense"),
    ]);
    let sizes = json!({ "in_features": HIDDEN, "out_features": 8 });
    let directory =
        sentence_transformer(&[("modules.json", dense), ("2_Dense/config.json", sizes)]);
    for (file, keys) in [
        (
            "sentence_bert_config.json",
            "max_seq_length do_lower_case model_args modality_config module_output_name",
        ),
        (
            "config_sentence_transformers.json",
            "prompts default_prompt_name truncate_dim similarity_fn_name",
        ),
        (
            POOLING,
            "include_prompt word_embedding_dimension pooling_mode_cls_token",
        ),
        (
            "2_Dense/config.json",
            "bias activation_function use_residual module_input_name",
        ),
    ] {
        let path = directory.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap_or("{}".to_owned());
        let before: Value = parsed(&text);
        for key in keys.split(' ') {
            let read = |json: &Value| {
                write_json(&path, json);
                SentenceTransformer::read(directory.path())
            };
            let (mut unset, mut null) = (before.clone(), before.clone());
            unset.as_object_mut().unwrap().remove(key);
            null[key] = Value::Null;
            let (unset, null) = (read(&unset).unwrap(), read(&null));
            assert_eq!(null.unwrap_or_else(|error| panic!("{key}: {error}")), unset);
        }
        write_json(&path, &before);
    }
}

/// A cross-encoder's function is in a file that every model of sentence-transformers has.
#[test]
fn a_function_that_is_not_there_is_asked_for_by_cross_encoders_alone_and_named_with_its_file() {
    let own = "config_sentence_transformers.json";
    let directory = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        let from = format!("tests/data/tasks/cross-encoder/{file}");
        std::fs::copy(from, directory.path().join(file)).unwrap();
    }
    let open = |head: Head| Network::open(directory.path(), head);
    for (function, variant, needles) in [
        (
            json!("torch.nn.modules.activation.Tanh"),
            "Unsupported",
            "activation.Tanh; activation.Sigmoid",
        ),
        (json!(7), "Malformed", "must be a name, is 7"),
    ] {
        write_json(
            &directory.path().join(own),
            &json!({ "activation_fn": function }),
        );
        let needles = format!("{own}; activation_fn; {needles}");
        expect_error(
            own,
            || open(Head::SequenceClassification),
            variant,
            &needles,
        );
        open(Head::HiddenStates).unwrap();
    }
    // Null is not set there, so that the configuration's own key counts.
    write_json(
        &directory.path().join(own),
        &json!({ "activation_fn": null }),
    );
    let path = directory.path().join("config.json");
    let mut config: Value = parsed(&std::fs::read_to_string(&path).unwrap());
    let sigmoid = "torch.nn.modules.activation.Sigmoid";
    config["sentence_transformers"] = json!({ "activation_fn": null, "version": "5.1.0" });
    config["sbert_ce_default_activation_function"] = "torch.nn.modules.linear.Identity".into();
    write_json(&path, &config);
    let found = open(Head::SequenceClassification).unwrap();
    assert_eq!(found.cross_encoder_function, ScoreFunction::Identity);
    config["sentence_transformers"]["activation_fn"] = sigmoid.into();
    write_json(&path, &config);
    let found = open(Head::SequenceClassification).unwrap();
    assert_eq!(found.cross_encoder_function, ScoreFunction::Sigmoid);
}

#[test]
fn dense_layers_that_are_not_as_their_files_say_are_refused() {
    let config = |changes: Value| {
        let mut config = json!({ "in_features": HIDDEN, "out_features": 8, "bias": false });
        config
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        config
    };
    let (gpu, _turn) = common::gpu();
    let table = r#"
        {"activation_function": "torch.nn.modules.activation.Sigmoid"}  |  Unsupported    |  2_Dense; activation_function "torch.nn.modules.activation.Sigmoid"; GELU, torch.nn.modules.activation.ReLU
        {"activation_function": "my.Tanh"}                              |  Unsupported    |  activation_function "my.Tanh"
        {"module_input_name": "token_embeddings"}                       |  Unsupported    |  module_input_name; "token_embeddings"; sentence_embedding
        {"foo": false}                                                  |  Unsupported    |  2_Dense; config.json; foo: false; remove the key
        {"out_features": 0}                                             |  Malformed      |  2_Dense; at least 1
        {"in_features": "many"}                                         |  Malformed      |  2_Dense; string
        {"in_features": 31}                                             |  Malformed      |  2_Dense; takes 31 columns; given 32
        {"out_features": 9}                                             |  TensorShape    |  2_Dense; linear.weight; [8, 32]; [9, 32]
        {"bias": true}                                                  |  TensorMissing  |  2_Dense; linear.bias
    "#;
    for row in rows::<3>(table) {
        let [changes, variant, needles] = row;
        let three = modules(&[
            ("Transformer", ""),
            ("Pooling", "1_Pooling"),
            ("Dense", "2_Dense"),
        ]);
        let directory = with(&[
            ("modules.json", three),
            (POOLING, json!({ "pooling_mode": "mean" })),
            ("2_Dense/config.json", config(parsed(changes))),
        ]);
        let weight = safetensors::tensor::TensorView::new(
            safetensors::Dtype::F32,
            vec![8, HIDDEN],
            &[0; 4 * 8 * HIDDEN],
        );
        let file = directory.path().join("2_Dense/model.safetensors");
        safetensors::serialize_to_file([("linear.weight", weight.unwrap())], None, &file).unwrap();
        let load = || Embedder::load(&gpu, directory.path());
        expect_error(&row.join(" "), load, variant, needles);
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
        let options = EmbedderOptions::default()
            .pooling(pooling)
            .normalize(normalize);
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
        let results = embedder.embeddings([&long, &cut, "word"]).unwrap();
        assert_eq!(results[0].values, results[1].values);
        assert_eq!(
            [&results[0], &results[1]].map(|it| it.is_cut),
            [true, false]
        );
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
        embedder.embed(["HELLO World", "hello world"]).unwrap()
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
fn its_own_file_says_how_many_elements_are_kept_and_how_vectors_are_compared() {
    let (gpu, _turn) = common::gpu();
    let own = |config: Value| with(&[("config_sentence_transformers.json", config)]);
    let load = |config: Value| Embedder::load(&gpu, own(config).path()).unwrap();
    let whole = load(json!({})).embed(["hello"]).unwrap().remove(0);
    let short = load(json!({ "truncate_dim": 8 }));
    assert_eq!(short.embed(["hello"]).unwrap()[0], whole[..8]);
    let more = EmbedderOptions::default().dimensions(12);
    let directory = own(json!({ "truncate_dim": 8 }));
    let more = Embedder::load_with(&gpu, directory.path(), &more).unwrap();
    assert_eq!(more.dimensions(), 12);

    for (name, metric) in [("cosine", Metric::Cosine), ("dot", Metric::DotProduct)] {
        let named = load(json!({ "similarity_fn_name": name }));
        assert_eq!(named.metric().unwrap(), metric);
    }
    let error = load(json!({ "similarity_fn_name": "euclidean" })).metric();
    assert!(error.unwrap_err().to_string().contains("euclidean"));
}
