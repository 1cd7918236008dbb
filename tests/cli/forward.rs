//! `forward`: logits and hidden states of token ids.

use serde_json::{Value, json};
use wgformer::models::{Batch, Head, MaskedLm, Model, ModelOptions};

use crate::harness::{Folder, ROOT, column};

const TORCH: &str = "torch_transformer_encoder-masked-lm";

fn model(name: &str) -> String {
    format!("--model '{ROOT}/tests/data/heads/{name}'")
}

fn numbers(rows: &Value) -> Vec<Vec<f32>> {
    serde_json::from_value(rows.clone()).unwrap()
}

#[test]
fn forward_gives_the_best_tokens_and_the_logits_of_each_position() {
    let (folder, model) = (Folder::new(), model(TORCH));
    let line = folder.run(&format!("forward {model} --ids '5 17 3' --topk 2 --json"));
    let printed = line.text();
    let start = r#"{"ids":[5,17,3],"top":[[{"token":"#;
    assert!(printed.starts_with(start), "{printed}");
    assert!(!printed.contains("logits"), "{printed}");
    let line: Value = serde_json::from_str(&printed).unwrap();
    let with_logits = folder
        .run(&format!(
            "forward {model} --ids 5,17,3 --topk 2 --logits --json"
        ))
        .lines();
    assert_eq!(with_logits[0]["top"], line["top"]);
    let logits = numbers(&with_logits[0]["logits"]);
    assert_eq!(logits.iter().map(Vec::len).collect::<Vec<_>>(), [40; 3]);
    for (row, top) in logits.iter().zip(line["top"].as_array().unwrap()) {
        let mut best: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let found = top.as_array().unwrap().iter().map(|it| {
            let (token, logit) = (it["token"].as_u64().unwrap(), it["logit"].as_f64().unwrap());
            (token as usize, logit as f32)
        });
        assert_eq!(found.collect::<Vec<_>>(), best[..2]);
    }

    // The library's own, of one batch.
    let path = format!("{ROOT}/tests/data/heads/{TORCH}");
    let gpu = wgformer::Gpu::new().unwrap();
    let library =
        MaskedLm::load(&gpu, path.as_ref(), usize::MAX, &ModelOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.push(&[9, 9], &[0, 0]);
    batch.push(&[5, 17, 3], &[0; 3]);
    assert_eq!(library.run(&batch, &[2, 3, 4]).unwrap(), logits.concat());

    let table = folder
        .run(&format!("forward {model} --ids '5 17 3' --topk 1"))
        .text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert_eq!(rows[0][..3], ["position", "id", "the"], "{table}");
    for (place, (id, row)) in ["5", "17", "3"].iter().zip(&rows[1..]).enumerate() {
        let best = &line["top"][place][0];
        let (token, logit) = (best["token"].to_string(), best["logit"].as_f64().unwrap());
        assert_eq!(
            row[..],
            [&place.to_string(), *id, &token, &format!("{logit:.3}")],
            "{table}"
        );
    }
    let table = folder
        .run(&format!("forward {model} --ids '5 17 3' --logits"))
        .text();
    let row = table.lines().nth(1).unwrap().split_whitespace();
    assert_eq!(row.count(), 2 + 40, "{table}");
}

#[test]
fn sequences_are_packed_and_come_out_in_their_order() {
    let (folder, model) = (Folder::new(), model("torch-encoder-causal"));
    let sequence = |place: usize| {
        let ids = (0..place * 7 % 50 + 1).map(|at| (at * at + place) % 40);
        ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
    };
    let sequences: Vec<String> = (0..60).map(sequence).collect();
    folder.write("ids.txt", sequences.join("\n"));
    let lines = folder
        .run(&format!("forward {model} --input ids.txt --json"))
        .lines();
    assert_eq!(lines.len(), sequences.len());
    for (line, ids) in lines.iter().zip(&sequences) {
        let found = line["ids"].as_array().unwrap().iter().map(Value::to_string);
        assert_eq!(found.collect::<Vec<_>>().join(" "), *ids);
        assert_eq!(
            line["top"].as_array().unwrap().len(),
            line["ids"].as_array().unwrap().len()
        );
    }
    let few = format!("--ids '{}' --ids '{}'", sequences[3], sequences[41]);
    let few = folder
        .run(&format!("forward {model} {few} --json --batch-tokens 16"))
        .lines();
    assert_eq!(few, [lines[3].clone(), lines[41].clone()], "to the bit");
    let standard = folder.run_with_stdin(
        &format!("forward {model} --input - --json"),
        sequences[3].as_bytes(),
    );
    assert_eq!(standard.lines(), few[..1]);

    // A query sees nothing behind it.
    let two = folder
        .run(&format!(
            "forward {model} --ids '5 17' --ids '5 17 3' --json"
        ))
        .lines();
    assert_eq!(two[0]["top"][1], two[1]["top"][1]);
}

#[test]
fn hidden_states_are_those_of_any_model() {
    let folder = Folder::new();
    let ended = folder.run("forward --model tiny --ids '2 7 3' --hidden --json");
    let line = &ended.lines()[0];
    assert_eq!(
        column(std::slice::from_ref(line), "ids"),
        json!([[2, 7, 3]])
    );
    assert!(line.get("top").is_none(), "{line}");
    let gpu = wgformer::Gpu::new().unwrap();
    let (path, options) = (folder.path("tiny"), ModelOptions::default());
    let library = Model::load(&gpu, &path, Head::HiddenStates, usize::MAX, &options).unwrap();
    let mut batch = Batch::new();
    batch.push(&[2, 7, 3], &[0; 3]);
    assert_eq!(
        numbers(&line["hidden"]).concat(),
        library.run(&batch).unwrap()
    );

    folder
        .run("forward --model tiny --ids '2 7 3'")
        .assert_error(&[
            "no head for predicting tokens",
            "cls.predictions",
            "--hidden",
        ]);
    // Another family's head; its vocabulary has texts.
    let tasks = format!("{ROOT}/tests/data/tasks/masked-lm");
    let table = folder
        .run(&format!("forward --model '{tasks}' --ids '2 5 3' --topk 1"))
        .text();
    let row: Vec<&str> = table.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(row.len(), 5, "position, id, token, text and logit: {table}");
}

#[test]
fn ids_that_the_model_does_not_take_are_named() {
    let (folder, model) = (Folder::new(), model("torch-encoder-learned"));
    let run = |arguments: &str| folder.run(&format!("forward {model} {arguments}"));
    run("--ids '1 2' --ids '5 40'").assert_error(&[
        "sequence 1",
        "40 is no token id",
        "40 entries",
    ]);
    run("--ids '5 -1'").assert_error(&["sequence 0", "\"-1\" is no token id"]);
    run("--ids '5 x'").assert_error(&["sequence 0", "\"x\" is no token id"]);
    run("--ids '5 4294967296'").assert_error(&["\"4294967296\" is no token id"]);
    run("--ids ''").assert_error(&["sequence 0", "has no token ids"]);
    let long = ["1"; 21].join(" ");
    run(&format!("--ids '{long}'")).assert_error(&["sequence 0", "21 token ids", "20 at most"]);
    folder.write("ids.txt", "1 2\n\n");
    run("--input ids.txt").assert_error(&["sequence 1", "has no token ids"]);
    let usage = run("");
    assert_eq!(usage.code, 2, "{}", usage.stderr);
}

#[test]
fn doctor_shows_the_plans_of_a_model_without_a_class() {
    let folder = Folder::new();
    let path = format!("{ROOT}/tests/data/heads/{TORCH}");
    let report = folder.run(&format!("doctor --plan '{path}' --json")).text();
    let report: Value = serde_json::from_str(&report).unwrap();
    let plans = report["plans"].as_array().unwrap();
    assert_eq!(column(plans, "command"), json!(["embed", "forward"]));
    assert_eq!(plans[1]["steps"].as_array().unwrap().len(), 1, "{report}");
}
