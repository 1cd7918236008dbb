//! The files that say how sparse vectors are made, and how texts are read for late interaction.

use std::fs;

use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::models::{MultiVector, SentenceTransformer, SparseHead, StaticWeights};

use crate::generated_model::{HIDDEN, write_json};
use crate::harness::{expect_error, parsed, rows, with};

const MASK: &str = "2_MultiVectorMask/config.json";

fn modules(modules: &[(&str, &str)]) -> Value {
    let module = |(name, path): &(&str, &str)| json!({ "type": format!("x.{name}"), "path": path });
    modules.iter().map(module).collect()
}

fn multi_vector(extra: &[(&'static str, Value)]) -> TempDir {
    let three = modules(&[
        ("Transformer", ""),
        ("Dense", "1_Dense"),
        ("MultiVectorMask", "2_MultiVectorMask"),
    ]);
    let dense = json!({ "in_features": HIDDEN, "out_features": 8, "module_input_name": "token_embeddings" });
    let files = [
        ("modules.json", three),
        ("1_Dense/config.json", dense),
        (MASK, json!({})),
    ];
    with(&[&files, extra].concat())
}

#[test]
fn lengths_that_nobody_said_are_the_models_own() {
    let directory = multi_vector(&[]);
    let own = SentenceTransformer::read(directory.path()).unwrap();
    let found = MultiVector::of(directory.path(), &own).unwrap();
    for form in [&found.query, &found.document] {
        assert_eq!((form.max_tokens, form.expansion), (None, None));
        assert!(form.marker.is_empty() && form.prompt.is_empty());
    }
    assert!(found.skipped.is_empty() && !found.is_mean);
    assert_eq!(found.columns(), 8);
}

#[test]
fn files_of_late_interaction_that_ask_for_more_are_refused() {
    let table = r#"
        sentence_bert_config.json      |  {"query_expansion": {"strategy": "min", "length": 8}}                     |  Unsupported  |  query_expansion strategy "min"; fixed
        sentence_bert_config.json      |  {"query_expansion": {"strategy": "fixed", "length": 8, "token": "[X]"}}   |  Unsupported  |  query_expansion token "[X]"; the mask token
        sentence_bert_config.json      |  {"document_length": "long"}       |  Malformed    |  sentence_bert_config.json; string
        2_MultiVectorMask/config.json  |  {"skiplist_tasks": ["query"]}     |  Unsupported  |  skiplist_tasks "query"; document
        2_MultiVectorMask/config.json  |  {"keep_only_token_ids": [7]}      |  Unsupported  |  keep_only_token_ids "[7]"
        2_MultiVectorMask/config.json  |  {"skiplist_words": ","}           |  Malformed    |  2_MultiVectorMask; string
        1_Dense/config.json            |  {"in_features": 32, "out_features": 8, "module_output_name": "sentence_embedding"}  |  Unsupported  |  1_Dense; token_embeddings
    "#;
    for row in rows::<4>(table) {
        let [file, json, variant, needles] = row;
        let directory = multi_vector(&[]);
        write_json(&directory.path().join(file), &parsed(json));
        let read = || {
            let own = SentenceTransformer::read(directory.path())?;
            MultiVector::of(directory.path(), &own)
        };
        expect_error(&row.join(" "), read, variant, needles);
    }
}

#[test]
fn files_of_sparse_vectors_that_ask_for_more_are_refused() {
    let table = r#"
        {"pooling_strategy": "mean"}     |  Unsupported  |  1_SpladePooling; pooling_strategy "mean"; max, sum
        {"activation_function": "gelu"}  |  Unsupported  |  activation_function "gelu"; log1p_relu
        {"pooling_strategy": 1}          |  Malformed    |  1_SpladePooling; string
    "#;
    let two = modules(&[("Transformer", ""), ("SpladePooling", "1_SpladePooling")]);
    for row in rows::<3>(table) {
        let [json, variant, needles] = row;
        let config = ("1_SpladePooling/config.json", parsed(json));
        let directory = with(&[("modules.json", two.clone()), config]);
        let read = || SentenceTransformer::read(directory.path());
        expect_error(&row.join(" "), read, variant, needles);
    }
    let directory = with(&[]);
    fs::write(directory.path().join("sparse_linear.pt"), "no archive").unwrap();
    let own = SentenceTransformer::read(directory.path()).unwrap();
    let head = || SparseHead::of(directory.path(), &own);
    expect_error(
        "no archive",
        head,
        "Malformed",
        "sparse_linear.pt; zip archive",
    );
}

const ROUTER: &str = "router_config.json";
const STATIC: &str = "0_SparseStaticEmbedding/config.json";

/// A router as sentence-transformers saves it, with a change.
fn router(change: impl FnOnce(&mut Value)) -> TempDir {
    let mut config = json!({
        "types": { "0_SparseStaticEmbedding": "x.SparseStaticEmbedding", "": "x.Transformer", "1": "x.SpladePooling" },
        "structure": { "query": ["0_SparseStaticEmbedding"], "document": ["", "1"] },
        "parameters": { "default_route": "document", "allow_empty_key": true, "route_mappings": {} },
    });
    change(&mut config);
    with(&[
        ("modules.json", modules(&[("Router", "")])),
        (ROUTER, config),
        (STATIC, json!({ "frozen": true })),
        ("1/config.json", json!({ "pooling_strategy": "max" })),
    ])
}

#[test]
fn routers_of_other_routes_are_refused_and_so_is_what_their_files_say_besides() {
    let own = SentenceTransformer::read(router(|_| ()).path()).unwrap();
    assert!(own.queries.unwrap().ends_with("0_SparseStaticEmbedding") && !own.reads_queries);
    let table = r#"
        {"types": {}}                                                    |  Malformed    |  router_config.json; names no type; folder ""
        {"types": 7}                                                     |  Malformed    |  router_config.json; map
        {"foo": 1}                                                       |  Unsupported  |  router_config.json; foo: 1; remove the key
        {"structure": {"image": [], "query": [], "document": []}}        |  Unsupported  |  image: []
        {"structure": {"document": ["", "1"]}}                           |  Unsupported  |  "document: Transformer, SpladePooling; query: "; query: SparseStaticEmbedding
        {"structure": {"query": ["0_SparseStaticEmbedding", "1"], "document": ["", "1"]}}  |  Unsupported  |  query: SparseStaticEmbedding, SpladePooling
        {"structure": {"query": ["0_SparseStaticEmbedding"], "document": [""]}}  |  Unsupported  |  "document: Transformer; query: SparseStaticEmbedding"
        {"structure": {"query": ["", "1"], "document": ["", "1"]}}       |  Unsupported  |  query: Transformer, SpladePooling
        {"parameters": {}}                                               |  Unsupported  |  default_route "none"; document or query
        {"parameters": {"default_route": "image"}}                       |  Unsupported  |  default_route "image"
        {"parameters": {"default_route": "query", "foo": 1}}             |  Unsupported  |  foo: 1
        {"parameters": {"default_route": "query", "route_mappings": {"(None, 'text')": "query"}}}  |  Unsupported  |  route_mappings "(None, 'text')"; by its name
        {"types": {"../a": "x.SparseStaticEmbedding", "": "x.Transformer", "1": "x.SpladePooling"}, "structure": {"query": ["../a"], "document": ["", "1"]}}  |  Malformed  |  router_config.json; "../a"; not a folder
    "#;
    for row in rows::<3>(table) {
        let [changes, variant, needles] = row;
        let changes: Value = parsed(changes);
        let changed = router(|config| {
            config
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
        });
        let read = || SentenceTransformer::read(changed.path());
        expect_error(&row.join(" "), read, variant, needles);
    }
    let two = router(|_| ());
    let list = modules(&[("Router", ""), ("Normalize", "2_Normalize")]);
    write_json(&two.path().join("modules.json"), &list);
    let read = || SentenceTransformer::read(two.path());
    expect_error(
        "two",
        read,
        "Unsupported",
        "modules.json; \"Router\"; a Router alone",
    );
    let missing = router(|_| ());
    fs::remove_file(missing.path().join(ROUTER)).unwrap();
    let read = || SentenceTransformer::read(missing.path());
    expect_error("missing", read, "Io", ROUTER);
}

#[test]
fn tables_of_weights_that_are_not_as_their_files_say_are_refused() {
    let directory = router(|_| ());
    let read = |config: Value| {
        write_json(&directory.path().join(STATIC), &config);
        SentenceTransformer::read(directory.path())
    };
    let path = json!({ "frozen": true, "path": "idf.json" });
    let needles = "0_SparseStaticEmbedding; path \"idf.json\"; weights beside this file";
    expect_error("path", || read(path), "Unsupported", needles);
    let needles = "0_SparseStaticEmbedding; foo: 1; remove the key";
    expect_error("foo", || read(json!({ "foo": 1 })), "Unsupported", needles);

    let own = read(json!({ "path": null })).unwrap();
    let of = || StaticWeights::of(&own);
    expect_error(
        "none",
        of,
        "Io",
        "0_SparseStaticEmbedding; model.safetensors",
    );
    let nan = f32::NAN.to_le_bytes();
    for (name, shape, variant, needles) in [
        ("weights", vec![1], "TensorMissing", "\"weight\""),
        ("weight", vec![1, 1], "TensorShape", "[1, 1]; [1]"),
        ("weight", vec![1], "NotFinite", "\"weight\"; NaN; element 0"),
    ] {
        let tensor = TensorView::new(Dtype::F32, shape, &nan).unwrap();
        let file = directory
            .path()
            .join("0_SparseStaticEmbedding/model.safetensors");
        safetensors::serialize_to_file([(name, tensor)], None, &file).unwrap();
        expect_error(name, of, variant, needles);
    }
}
