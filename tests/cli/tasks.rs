//! `classify`, `rerank`, `fill`, `summarize`, `embed --sparse` and `--multi`: tables for people, JSON lines for programs.

use serde_json::{Value, json};

use crate::harness::{Folder, ROOT, column};

fn model(name: &str) -> String {
    format!("--model '{ROOT}/tests/data/tasks/{name}'")
}

fn names(labels: &Value) -> Vec<&str> {
    let labels = labels.as_array().unwrap().iter();
    labels.map(|it| it["label"].as_str().unwrap()).collect()
}

#[test]
fn classify_prints_the_labels_of_each_text() {
    let folder = Folder::new();
    let (own, any) = (model("sentiment"), model("inference"));
    let lines = folder.run(&format!("classify 'A film!' '' {own} --json"));
    let printed = lines.text();
    let start = r#"{"index":0,"text":"A film!","labels":[{"label":""#;
    assert!(printed.starts_with(start), "{printed}");
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(column(&lines, "index"), json!([0, 1]));
    for line in &lines {
        let labels = line["labels"].as_array().unwrap();
        let scores: Vec<f64> = labels
            .iter()
            .map(|it| it["score"].as_f64().unwrap())
            .collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        assert!(
            (scores.iter().sum::<f64>() - 1.0).abs() < 1e-5,
            "{scores:?}"
        );
        let mut labels = names(&line["labels"]);
        labels.sort_unstable();
        assert_eq!(labels, ["negative", "neutral", "positive"]);
    }
    let best = folder.run(&format!("classify 'A film!' {own} --json --top 1"));
    assert_eq!(names(&best.lines()[0]["labels"]).len(), 1);

    folder.write("pairs.txt", "one\ttwo\nthree\tfour\n");
    let lines = folder
        .run(&format!("classify --input pairs.txt --pairs {own} --json"))
        .lines();
    assert_eq!(column(&lines, "text"), json!(["one", "three"]));
    assert_eq!(column(&lines, "pair"), json!(["two", "four"]));
    let alone = folder
        .run(&format!("classify three --pair four {own} --json"))
        .lines();
    assert_eq!(alone[0]["labels"], lines[1]["labels"]);
    folder.write("pairs.txt", "one\ttwo\nthree\n");
    let torn = folder.run(&format!("classify --input pairs.txt --pairs {own}"));
    assert_eq!(
        (torn.code, lines_of(&torn.stdout)),
        (1, 1),
        "what came before"
    );
    assert!(torn.stderr.contains("text 1 has no tab"), "{}", torn.stderr);

    let line = &folder
        .run(&format!("classify snow {any} --labels weather,food --json"))
        .lines()[0];
    let mut labels = names(&line["labels"]);
    labels.sort_unstable();
    assert_eq!(labels, ["food", "weather"]);
    let spaced = folder.run(&format!(
        "classify snow {any} --labels 'weather, food,' --json"
    ));
    assert_eq!(spaced.lines()[0], *line);
    let table = folder
        .run(&format!("classify 'A film!' {own} --top 1"))
        .text();
    assert!(
        table.ends_with("   A film!\n") && table.lines().count() == 1,
        "{table}"
    );
}

fn lines_of(stdout: &[u8]) -> usize {
    stdout.iter().filter(|byte| **byte == b'\n').count()
}

/// What a cross-encoder's `config.json` says under sentence-transformers' own key.
#[test]
fn what_sentence_transformers_asks_for_and_nobody_does_is_refused() {
    let folder = Folder::new();
    let model = std::path::Path::new(ROOT).join("tests/data/tasks/cross-encoder");
    std::fs::create_dir(folder.path("model")).unwrap();
    for entry in std::fs::read_dir(&model).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_file() {
            folder.write(&format!("model/{name}"), std::fs::read(&path).unwrap());
        }
    }
    let config: Value = serde_json::from_slice(&folder.read("model/config.json")).unwrap();
    let rerank = |own: Value| {
        let mut config = config.clone();
        config["sentence_transformers"] = own;
        folder.write("model/config.json", config.to_string());
        folder.run("rerank cat 'a cat' --model model --json")
    };
    let sigmoid = "torch.nn.modules.activation.Sigmoid";
    for own in [
        json!({"activation_fn": sigmoid, "version": "5.1.0"}),
        json!({"version": "4.0.1", "chunks": null}),
    ] {
        assert_eq!(rerank(own).lines().len(), 1);
    }
    rerank(json!({"version": "5.1.0", "temperature": 2.0})).assert_error(&["temperature"]);
    rerank(json!({"version": "5.1.0", "prompts": {}})).assert_error(&["prompts", "remove the key"]);
    rerank(json!("5.1.0")).assert_error(&["sentence_transformers", "object"]);
    rerank(json!({"activation_fn": 3})).assert_error(&["activation_fn"]);
}

#[test]
fn rerank_prints_a_line_per_candidate() {
    let folder = Folder::new();
    let model = model("cross-encoder");
    folder.write("input.txt", "snow fell\nthe cat sat\n\nthe dog slept\n");
    let rerank = |options: &str| {
        folder.run(&format!(
            "rerank 'Where is the cat?' --input input.txt {model} {options}"
        ))
    };
    let lines = rerank("--json").lines();
    assert_eq!(column(&lines, "rank"), json!([1, 2, 3, 4]));
    let scores: Vec<f64> = lines
        .iter()
        .map(|it| it["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert_eq!(rerank("--json --top 2").lines(), lines[..2]);
    folder.write(
        "input.jsonl",
        "{\"text\":\"snow fell\"}\n{\"text\":\"the cat sat\"}\n",
    );
    let of_records = folder.run(&format!(
        "rerank 'Where is the cat?' --input input.jsonl {model} --json"
    ));
    let as_arguments = folder.run(&format!(
        "rerank 'Where is the cat?' 'snow fell' 'the cat sat' {model} --json"
    ));
    assert_eq!(of_records.lines(), as_arguments.lines());
    let table = rerank("--top 1").text();
    let first: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(first, ["rank", "score", "line", "text"]);
    folder
        .run(&format!("rerank x --input none.txt {model}"))
        .assert_error(&["none.txt"]);
}

#[test]
fn fill_prints_the_tokens_of_each_mask() {
    let folder = Folder::new();
    let model = model("masked-lm");
    let fill = |text: &str, options: &str| folder.run(&format!("fill '{text}' {model} {options}"));
    let lines = fill("the [MASK] sat on the [MASK]", "--top 3 --json").lines();
    let masks = lines[0]["masks"].as_array().unwrap();
    assert_eq!(masks.len(), 2);
    for tokens in masks {
        let tokens = tokens.as_array().unwrap();
        assert_eq!(tokens.len(), 3);
        assert!(
            tokens[0]["token"].is_string() && tokens[0]["id"].is_u64(),
            "{tokens:?}"
        );
        assert!(tokens[0]["score"].as_f64() >= tokens[1]["score"].as_f64());
    }
    let table = fill("the [MASK] sat", "").text();
    assert_eq!(table.lines().count(), 2, "{table}");
    fill("no mask", "").assert_error(&["text 0", "[MASK]"]);

    let long = format!("the [MASK] sat {}", "on the mat ".repeat(40));
    let lines = fill(&long, "--json").lines();
    assert_eq!(
        (
            &lines[0]["cut"],
            lines[0]["masks"].as_array().unwrap().len()
        ),
        (&json!(true), 1)
    );
    assert!(fill(&long, "").text().contains(" (cut)\n"));
    fill(&long, "--overflow error").assert_error(&["text 0", "longer"]);
    let chunk = fill(&long, "--overflow chunk");
    assert_eq!(chunk.code, 2);
    assert!(chunk.stderr.contains("[possible values: truncate, error]"));
    let help = folder.run("fill --help").text();
    assert!(
        !help.contains("chunk") && help.contains("- error:"),
        "{help}"
    );

    let pair = "--pair 'on the [MASK] [MASK]'";
    let lines = fill("the [MASK] sat", &format!("{pair} --json")).lines();
    assert_eq!(lines[0]["pair"], "on the [MASK] [MASK]");
    assert_eq!(lines[0]["masks"].as_array().unwrap().len(), 3);
    let table = fill("the [MASK] sat", pair).text();
    let first = "the [MASK] sat | on the [MASK] [MASK]\n";
    assert!(table.starts_with(first), "{table}");
    assert_eq!(table.lines().count(), 4, "{table}");
    folder.write(
        "pairs.tsv",
        "the [MASK] sat\ton the [MASK] [MASK]\na cat\tat [MASK]\n",
    );
    let both = format!("fill --input pairs.tsv --pairs {model} --json");
    let both = folder.run(&both).lines();
    assert_eq!(both[0], lines[0]);
    assert_eq!(both[1]["masks"].as_array().unwrap().len(), 1);
}

#[test]
fn summarize_picks_sentences_as_they_stand_in_the_text() {
    let folder = Folder::new();
    let text = "The cat slept. The cat sat! Snow fell? The cat and the dog.";
    folder.write("text.txt", text);
    let summarize = |options: &str| folder.run(&format!("summarize --model tiny {options}"));
    let lines = summarize(&format!("'{text}' --sentences 9 --json")).lines();
    assert_eq!(column(&lines, "rank"), json!([1, 2, 3, 4]));
    let scores: Vec<f64> = lines
        .iter()
        .map(|it| it["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(
        (scores.iter().sum::<f64>() - 1.0).abs() < 1e-5,
        "{scores:?}"
    );
    let sentences = [
        "The cat slept.",
        "The cat sat!",
        "Snow fell?",
        "The cat and the dog.",
    ];
    for line in &lines {
        assert_eq!(
            line["text"],
            sentences[line["index"].as_u64().unwrap() as usize]
        );
    }
    assert_eq!(
        summarize("--input text.txt --sentences 2 --json").lines(),
        lines[..2]
    );

    // Of a sentence that is longer than the model takes, the end counts too.
    let scores = |end: &str| {
        let long = format!("The cat {} {end}.", "sat on the mat and ".repeat(20));
        let text = format!("Snow fell. {long} The dog slept. The cat and the dog.");
        let lines = summarize(&format!("'{text}' --sentences 9 --json")).lines();
        column(&lines, "score")
    };
    assert_ne!(scores("slept"), scores("fell snow fell snow"));

    let printed = summarize("--input text.txt --sentences 2").text();
    let mut best: Vec<u64> = lines[..2]
        .iter()
        .map(|it| it["index"].as_u64().unwrap())
        .collect();
    best.sort_unstable();
    let expected: Vec<&str> = best
        .iter()
        .map(|index| sentences[*index as usize])
        .collect();
    let (head, summary) = printed.split_once("\n\n").unwrap();
    assert!(head.starts_with("extractive"), "{head}");
    assert_eq!(summary.lines().collect::<Vec<_>>(), expected);
    assert_eq!(summarize("'' --json").text(), "");
}

#[test]
fn every_document_has_a_summary_of_its_own() {
    let folder = Folder::new();
    let texts = ["The cat slept. The cat sat! Snow fell?", "", "A dog."];
    folder.write("text.txt", texts.join("\n"));
    let records = texts.map(|text| json!({ "body": text }).to_string() + "\n");
    folder.write("texts.jsonl", records.concat());
    folder.write("texts.csv", format!("body\n\"{}\"\n", texts.join("\"\n\"")));
    let summarize = |options: &str| folder.run(&format!("summarize --model tiny {options}"));
    let typed = texts.map(|text| format!("'{text}'")).join(" ");
    let lines = summarize(&format!("{typed} --json --sentences 2")).lines();
    assert_eq!(column(&lines, "document"), json!([0, 0, 2]));
    assert_eq!(column(&lines, "rank"), json!([1, 2, 1]));
    assert_eq!(lines[2]["text"], "A dog.");
    for input in ["texts.jsonl", "texts.csv"] {
        let found = summarize(&format!(
            "--input {input} --field body --json --sentences 2"
        ));
        assert_eq!(found.lines(), lines, "{input}");
    }
    let mut alone = summarize(&format!("'{}' --json --sentences 2", texts[0])).lines();
    for line in &mut alone {
        assert!(line.get("document").is_none());
        line["document"] = 0.into();
    }
    assert_eq!(alone, lines[..2]);
    // Lines of a text are no documents.
    let whole = summarize("--input text.txt --json --sentences 9").lines();
    assert_eq!(column(&whole, "rank"), json!([1, 2, 3, 4]));
    assert!(whole[0].get("document").is_none());

    let printed = summarize(&typed).text();
    let (_, summaries) = printed.split_once("\n\n").unwrap();
    let first = summaries.lines().next();
    assert_eq!(first, Some("text 1:"));
    assert!(
        summaries.ends_with("\n\ntext 2:\n\ntext 3:\nA dog.\n"),
        "{printed}"
    );
}

#[test]
fn an_empty_second_sentence_is_none() {
    let folder = Folder::new();
    let own = model("sentiment");
    let classify = |pair: &str| {
        let lines = folder.run(&format!("classify 'A film!' {own} --json {pair}"));
        lines.lines()[0]["labels"].clone()
    };
    assert_eq!(classify("--pair ''"), classify(""));
    assert_ne!(classify("--pair x"), classify(""));
}

#[test]
fn a_model_for_another_task_is_refused() {
    let folder = Folder::new();
    folder
        .run(&format!("classify x {}", model("masked-lm")))
        .assert_error(&["pooler.dense.weight"]);
    let ended = folder.run("classify x");
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--model"), "{}", ended.stderr);
    let none = format!("classify x --labels '' {}", model("inference"));
    assert_eq!(folder.run(&none).code, 2);
    let twice = format!("classify x --labels 'a, b,,a' {}", model("inference"));
    assert_eq!(folder.run(&twice).code, 2);
    let both = format!("classify x --labels a,b --pairs {}", model("inference"));
    assert_eq!(folder.run(&both).code, 2);
}

fn retrieval(name: &str) -> String {
    format!("--model '{ROOT}/tests/data/retrieval/{name}'")
}

#[test]
fn embed_writes_sparse_vectors_the_heaviest_token_first() {
    let folder = Folder::new();
    for (name, options) in [
        ("splade", ""),
        ("bge-m3", ""),
        ("inference-free", ""),
        ("inference-free", "--prompt query"),
    ] {
        let own = retrieval(name);
        let command_line = format!("embed 'The cat sat' '' --sparse {options} {own}");
        let printed = folder.run(&command_line).text();
        assert!(printed.starts_with(r#"{"index":0,"text":"The cat sat","tokens":"#));
        let first = printed.lines().next().unwrap();
        let line: Value = serde_json::from_str(first).unwrap();
        let mut weights: Vec<(usize, f64)> = line["sparse"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(token, weight)| {
                let place = first.find(&format!("{}:", json!(token))).unwrap();
                (place, weight.as_f64().unwrap())
            })
            .collect();
        assert!(!weights.is_empty());
        // No others than its own and its prompt's.
        if options == "--prompt query" {
            let tokens: Vec<&str> = line["sparse"]
                .as_object()
                .unwrap()
                .keys()
                .map(|it| &it[..])
                .collect();
            assert_eq!(tokens, ["cat", "sat", "the"], "{first}");
        }
        weights.sort_by_key(|(place, _)| *place);
        assert!(weights.is_sorted_by(|a, b| a.1 >= b.1), "{name}: {first}");
    }
}

#[test]
fn embed_writes_a_vector_per_token_of_documents_and_of_queries() {
    let folder = Folder::new();
    let colbert = retrieval("colbert");
    let lines = folder
        .run(&format!("embed 'the cat' --multi {colbert}"))
        .lines();
    let vectors = |line: &Value| line["embeddings"].as_array().unwrap().len();
    assert_eq!(vectors(&lines[0]), 5); // [CLS], the marker, two words, [SEP]
    let queries = format!("embed 'the cat' --multi --prompt query {colbert}");
    assert_eq!(vectors(&folder.run(&queries).lines()[0]), 16); // filled up with masks
}

#[test]
fn sparse_vectors_and_those_of_tokens_are_streamed_and_resumed() {
    let folder = Folder::new();
    folder.write("input.txt", crate::harness::mixed_lines(600).join("\n"));
    for options in [
        format!("--sparse {}", retrieval("splade")),
        format!("--multi {}", retrieval("colbert")),
    ] {
        let command_line = format!("embed --input input.txt {options}");
        let whole = folder.run(&command_line).bytes();
        let resumed = format!("{command_line} --output out --resume");
        folder.run(&resumed).bytes();
        assert!(folder.read("out") == whole, "{options}");
        let lines = String::from_utf8(whole).unwrap();
        assert_eq!(lines.lines().count(), 600);
    }
}

#[test]
fn rerank_by_late_interaction_sorts_by_the_sum_of_best_products() {
    let folder = Folder::new();
    folder.write(
        "texts.txt",
        "Snow fell all night.\nThe cat sat on the mat.\n",
    );
    let colbert = retrieval("colbert");
    let command_line =
        format!("rerank 'Where did the cat sit?' --input texts.txt --late {colbert}");
    let lines = folder.run(&format!("{command_line} --json")).lines();
    assert_eq!(column(&lines, "rank"), json!([1, 2]));
    let score = |line: &Value| line["score"].as_f64().unwrap();
    assert!(score(&lines[0]) >= score(&lines[1]) && score(&lines[0]) > 1.0);
    assert!(folder.run(&command_line).text().contains("rank"));
}

#[test]
fn models_without_such_heads_are_refused_with_what_is_missing() {
    let folder = Folder::new();
    folder.write("texts.txt", "a cat\n");
    let own = model("cross-encoder");
    for (command_line, needles) in [
        ("embed a --sparse", ["SpladePooling", "sparse_linear.pt"]),
        ("embed a --multi", ["HF_ColBERT", "colbert_linear.pt"]),
        (
            "rerank a --input texts.txt --late",
            ["HF_ColBERT", "PyLate"],
        ),
    ] {
        folder
            .run(&format!("{command_line} {own}"))
            .assert_error(&needles);
    }
}
