//! `attention`: weights as a table, as JSON and as a page.

use serde_json::{Value, json};

use crate::harness::{Folder, ROOT};

fn model() -> String {
    format!("--model '{ROOT}/tests/data/spans/bert-tags'")
}

#[test]
fn attention_prints_weights_in_a_table_or_as_json() {
    let folder = Folder::new();
    let attention = |text: &str, options: &str| {
        folder.run(&format!("attention '{text}' {options} {}", model()))
    };
    let document = |options: &str| -> Value {
        let lines = attention("a cat", &format!("--layer 0 --json {options}")).lines();
        assert_eq!(lines.len(), 1);
        lines[0].clone()
    };
    let head = document("--head 1");
    assert_eq!(
        (&head["text"], &head["layer"], &head["head"], &head["heads"]),
        (&json!("a cat"), &json!(0), &json!(1), &json!(2))
    );
    let tokens = head["tokens"].as_array().unwrap();
    assert_eq!(tokens[0]["token"], "[CLS]");
    assert!(tokens[0].get("start").is_none(), "it is in no text");
    assert_eq!(
        (&tokens[1]["start"], &tokens[1]["end"]),
        (&json!(0), &json!(1))
    );
    let weights = |document: &Value| -> Vec<Vec<f64>> {
        serde_json::from_value(document["weights"].clone()).unwrap()
    };
    let (first, second) = (weights(&document("--head 0")), weights(&head));
    let mean = document("");
    assert_eq!(mean["head"], Value::Null);
    for (query, row) in weights(&mean).iter().enumerate() {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
        for (key, weight) in row.iter().enumerate() {
            let by_hand = (first[query][key] + second[query][key]) / 2.0;
            assert!((weight - by_hand).abs() < 1e-6);
        }
    }
    let pair = document("--pair 'the dog'");
    assert_eq!(pair["pair"], "the dog");
    assert!(pair["tokens"].as_array().unwrap().len() > tokens.len());

    let table = attention("a cat", "--layer 0 --head 1").text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0].join(" "), "Attention of layer 0, head 1");
    assert_eq!(rows[1][..2], ["query", "[CLS]"]);
    let cell = |query: usize, key: usize| format!("{:.3}", second[query][key]);
    assert_eq!(rows[2][..3], ["[CLS]", &cell(0, 0), &cell(0, 1)]);
    assert_eq!(rows.len(), 2 + tokens.len());
    // Of a longer text each query's largest.
    let table = attention(&"a cat ".repeat(8), "--layer 0").text();
    let mut rows = table.lines();
    assert_eq!(rows.next(), Some("Attention of layer 0, mean of 2 heads"));
    assert!(rows.next().unwrap().ends_with("attends most to"), "{table}");
    assert!(rows.all(|row| row.matches(" (").count() == 5), "{table}");
}

#[test]
fn a_heat_map_is_a_page_that_needs_nothing_else() {
    let folder = Folder::new();
    let draw = |text: &str| {
        folder.run(&format!(
            "attention '{text}' --layer 0 --head 1 --html page.html {}",
            model()
        ))
    };
    assert_eq!(draw("a <b>&cat").text(), "");
    let page = String::from_utf8(folder.read("page.html")).unwrap();
    for needle in [
        "<!DOCTYPE html>",
        "<title>Attention of layer 0, head 1</title>",
        "prefers-color-scheme: dark",
        "a &lt;b&gt;&amp;cat",
        "attention weight (no unit)",
        "--share:100.0%",
    ] {
        assert!(page.contains(needle), "no {needle} in {page}");
    }
    for other in ["<script", "http://", "https://", "<b>"] {
        assert!(!page.contains(other), "{other} in {page}");
    }
    let line = folder.run(&format!(
        "attention 'a <b>&cat' --layer 0 --json {}",
        model()
    ));
    let tokens = line.lines()[0]["tokens"].as_array().unwrap().len();
    assert_eq!(page.matches("<td").count(), tokens * tokens);
    // More than can be looked at; the page before it stays.
    let document = folder.run(&format!(
        "attention '{}' --layer 0 --html page.html --model '{ROOT}/models/all-MiniLM-L6-v2'",
        "cat ".repeat(140)
    ));
    document.assert_error(&["142 tokens", "at most 128"]);
    assert_eq!(folder.read("page.html"), page.into_bytes());
}

#[test]
fn a_model_without_a_tokenizer_reads_token_ids() {
    let folder = Folder::new();
    let model = format!("--model '{ROOT}/tests/data/heads/torch_transformer_encoder-masked-lm'");
    let attention = |options: &str| folder.run(&format!("attention --layer 0 {options} {model}"));
    let document = attention("--ids '5 17 3' --json").lines()[0].clone();
    assert_eq!(document["tokens"][1], json!({"token": "17", "id": 17}));
    assert!(document.get("text").is_none());
    let weights: Vec<Vec<f64>> = serde_json::from_value(document["weights"].clone()).unwrap();
    assert_eq!(weights.iter().map(Vec::len).collect::<Vec<_>>(), [3; 3]);
    for row in &weights {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
    }
    let table = attention("--ids 5,17,3 --head 0").text();
    assert!(
        table.lines().any(|row| row.trim().starts_with("17 ")),
        "{table}"
    );
    attention("--ids '5 17 3' --html page.html");
    assert!(
        String::from_utf8(folder.read("page.html"))
            .unwrap()
            .contains("<span>17</span>")
    );

    attention("--ids '5 x'").assert_error(&["--ids", "\"x\" is no token id"]);
    attention("--ids 5,40").assert_error(&["ids", "40"]);
    attention("cat").assert_error(&["tokenizer.json", "--ids"]);
    assert_eq!(attention("cat --ids 5").code, 2);
    assert_eq!(attention("--ids 5 --pair cat").code, 2);
}

#[test]
fn what_cannot_be_shown_is_explained() {
    let folder = Folder::new();
    let attention = |options: &str| folder.run(&format!("attention {options} {}", model()));
    attention("cat --layer 1").assert_error(&["\"layer\"", "must be 0 to 0, is 1"]);
    attention("cat --layer 0 --head 2").assert_error(&["\"head\"", "must be 0 to 1, is 2"]);
    let long = "cat ".repeat(100);
    attention(&format!("'{long}' --layer 0")).assert_error(&["longer than", "64"]);
    assert_eq!(attention("cat").code, 2, "no layer");
    assert_eq!(attention("cat --layer 0 --json --html x").code, 2);
}
