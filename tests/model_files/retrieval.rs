//! The files that say how sparse vectors are made, and how texts are read for late interaction.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use wgformer::models::{MultiVector, SentenceTransformer, SparseHead};

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
