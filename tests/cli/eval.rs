//! `eval`: what it measures is what the other commands print.

use serde_json::{Value, json};

use crate::harness::{Folder, ROOT};

fn model(name: &str) -> String {
    format!("--model '{ROOT}/tests/data/{name}'")
}

fn document(folder: &Folder, command_line: &str) -> Value {
    let text = folder.run(&format!("eval {command_line} --json")).text();
    serde_json::from_str(&text).unwrap()
}

const TEXTS: [&str; 5] = [
    "A film!",
    "the cat, the dog",
    "snow fell",
    "no no no",
    "was it cold?",
];

/// What `classify` says of the texts.
fn predicted(folder: &Folder) -> Vec<String> {
    folder.write("texts.txt", TEXTS.join("\n"));
    let own = model("tasks/sentiment");
    let lines = folder.run(&format!("classify --input texts.txt --top 1 --json {own}"));
    let label = |line: &Value| line["labels"][0]["label"].as_str().unwrap().to_owned();
    lines.lines().iter().map(label).collect()
}

#[test]
fn labels_are_compared_with_those_of_classify() {
    let folder = Folder::new();
    let (predicted, own) = (predicted(&folder), model("tasks/sentiment"));
    // All right but the first.
    let names = ["negative", "neutral", "positive"];
    let mut right = predicted.clone();
    let other = names.iter().find(|name| **name != predicted[0]).unwrap();
    right[0] = (*other).to_owned();
    let rows = TEXTS.iter().zip(&right);
    let csv: String = rows
        .clone()
        .map(|(text, label)| format!("\"{text}\",{label}\n"))
        .collect();
    folder.write("data.csv", format!("text,label\n{csv}"));
    let found = document(&folder, &format!("--task classify --data data.csv {own}"));
    assert_eq!(found["task"], "classify");
    assert_eq!(
        (&found["accuracy"], &found["texts"]),
        (&json!(0.8), &json!(5))
    );
    assert_eq!(found["averages"]["micro"]["f1"], 0.8);
    assert_eq!(found["averages"]["macro"]["support"], 5);
    let counts: Vec<Vec<u64>> = serde_json::from_value(found["confusion"].clone()).unwrap();
    assert_eq!(counts.iter().flatten().sum::<u64>(), 5);
    let diagonal = counts.iter().enumerate().map(|(place, row)| row[place]);
    assert_eq!(diagonal.sum::<u64>(), 4);
    assert!(found["adapter"].as_str().unwrap().contains('('), "{found}");
    assert!(found["texts_per_second"].as_f64().unwrap() > 0.0);

    // The same as JSON lines, by other names, with numbers for labels.
    let number = |label: &String| names.iter().position(|name| name == label).unwrap();
    let lines =
        rows.map(|(text, label)| json!({"body": text, "y": number(label)}).to_string() + "\n");
    folder.write("data.jsonl", lines.collect::<String>());
    let fields = "--text-field body --label-field y --label-names negative,neutral,positive";
    let same = document(
        &folder,
        &format!("--task classify --data data.jsonl {fields} {own}"),
    );
    assert_eq!(same["confusion"], found["confusion"]);

    let table = folder.run(&format!(
        "eval --task classify --data data.csv --html page.html {own}"
    ));
    let table = table.text();
    for part in [
        "accuracy 0.800 of 5 texts",
        "weighted average",
        "true \\ predicted",
    ] {
        assert!(table.contains(part), "no {part}: {table}");
    }
    let page = String::from_utf8(folder.read("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("class=\"matrix\""));
    // Beside a document too, which has standard output to itself.
    let task = format!("--task classify --data data.csv {own}");
    let beside = document(&folder, &format!("{task} --html beside.html"));
    assert_eq!(beside["confusion"], found["confusion"]);
    assert!(folder.path("beside.html").exists());
    let both = folder.run(&format!("eval {task} --json --html -"));
    assert_eq!(both.code, 2);
    assert!(
        both.stderr.contains("--html names a file"),
        "{}",
        both.stderr
    );

    // A second text where there is one.
    folder.write("pairs.csv", "text,pair,label\none,two,neutral\n");
    let pairs = document(&folder, &format!("--task classify --data pairs.csv {own}"));
    let alone = folder.run(&format!("classify one --pair two --top 1 --json {own}"));
    let is_neutral = alone.lines()[0]["labels"][0]["label"] == "neutral";
    assert_eq!(pairs["accuracy"], json!(f64::from(u8::from(is_neutral))));
}

#[test]
fn tags_are_compared_word_by_word() {
    let folder = Folder::new();
    let own = model("spans/bert-tags");
    let sentences = ["Ada met Charles in London .", "Charles , Ada"];
    folder.write("texts.txt", sentences.join("\n"));
    let lines = folder.run(&format!(
        "tag --input texts.txt --aggregation none --json {own}"
    ));
    let mut tags = Vec::new();
    for (line, sentence) in lines.lines().iter().zip(sentences) {
        let mut start = 0;
        let of_word = |word: &str| {
            let entities = line["entities"].as_array().unwrap().iter();
            let own = json!(start);
            start += word.len() + 1;
            let mut first = entities.filter(|it| it["start"] == own);
            first.next().unwrap()["label"].as_str().unwrap().to_owned()
        };
        tags.push(sentence.split(' ').map(of_word).collect::<Vec<String>>());
    }
    let write = |tags: &[Vec<String>]| {
        let lines = sentences.iter().zip(tags).map(|(sentence, tags)| {
            let tokens: Vec<&str> = sentence.split(' ').collect();
            json!({"tokens": tokens, "ner_tags": tags}).to_string() + "\n"
        });
        folder.write("data.jsonl", lines.collect::<String>());
    };
    write(&tags);
    let task = format!("--task tag --data data.jsonl {own}");
    let found = document(&folder, &task);
    let is_tagged = tags.iter().flatten().any(|tag| tag != "O");
    assert!(is_tagged, "the model says nothing: {tags:?}");
    assert_eq!(found["averages"]["micro"]["f1"], 1.0);
    assert_eq!(
        (&found["accuracy"], &found["tokens"]),
        (&json!(1.0), &json!(9))
    );
    assert_eq!(found["unread"], 0);
    let other = if tags[1][2] == "MISC" { "O" } else { "MISC" };
    tags[1][2] = other.to_owned();
    write(&tags);
    let found = document(&folder, &task);
    assert_eq!(found["accuracy"], json!(8.0 / 9.0));
    assert!(found["averages"]["micro"]["f1"].as_f64().unwrap() < 1.0);
    // A tag that is none of the scheme's.
    let strict = folder.run(&format!("eval {task} --scheme iob2"));
    strict.assert_error(&["MISC", "IOB"]);
    let table = folder.run(&format!("eval {task}")).text();
    assert!(table.contains("accuracy 0.889 of 9 tokens"), "{table}");

    // A CSV of words, and more of them than the model reads.
    let long = vec!["Ada"; 70].join(" ");
    let outside = vec!["O"; 70].join(" ");
    folder.write("long.csv", format!("tokens,tags\n{long},{outside}\n"));
    let cut = document(&folder, &format!("--task tag --data long.csv {own}"));
    // A word may be several tokens, and the model reads 64.
    assert!((6..70).contains(&cut["unread"].as_u64().unwrap()), "{cut}");
    assert_eq!(cut["cut"], 1);
    let whole = document(
        &folder,
        &format!("--task tag --data long.csv --overflow chunk {own}"),
    );
    assert_eq!((&whole["unread"], &whole["cut"]), (&json!(0), &json!(0)));
    folder.write(
        "data.jsonl",
        "{\"tokens\": [\"a\"], \"tags\": [\"O\", \"O\"]}\n",
    );
    folder
        .run(&format!("eval {task}"))
        .assert_error(&["line 1", "1 tokens", "2 tags"]);
    folder.write("data.jsonl", "{\"tokens\": [\"a\"], \"tags\": [3]}\n");
    folder.run(&format!("eval {task}")).assert_error(&[
        "line 1",
        "\"3\"",
        "--label-names",
        "B-PER",
    ]);
}

#[test]
fn candidates_are_ranked_as_rerank_ranks_them() {
    let folder = Folder::new();
    let own = model("tasks/cross-encoder");
    folder.write("texts.txt", TEXTS.join("\n"));
    let lines = folder
        .run(&format!("rerank 'a cat' --input texts.txt --json {own}"))
        .lines();
    let third = lines[2]["text"].as_str().unwrap();
    // Of one query the third is relevant, of another the first.
    let rows = TEXTS
        .iter()
        .map(|text| format!("a cat,\"{text}\",{}\n", u8::from(*text == third)));
    folder.write(
        "data.csv",
        format!("query,text,label\n{}", rows.collect::<String>()),
    );
    let found = document(&folder, &format!("--task rerank --data data.csv {own}"));
    assert_eq!((&found["queries"], &found["texts"]), (&json!(1), &json!(5)));
    assert_eq!(found["mrr"], json!(1.0 / 3.0));
    assert_eq!(found["ndcg"], json!(0.5)); // 1 / log2(4)
    let at = document(
        &folder,
        &format!("--task rerank --data data.csv --at 2 {own}"),
    );
    assert_eq!(
        (&at["mrr"], &at["ndcg"], &at["at"]),
        (&json!(0.0), &json!(0.0), &json!(2))
    );

    let others: Vec<&str> = TEXTS.into_iter().filter(|text| *text != third).collect();
    let lists = json!({"query": "a cat", "positive": [third], "negative": others}).to_string();
    folder.write(
        "data.jsonl",
        lists + "\n{\"query\": \"b\", \"positive\": [], \"negative\": [\"c\"]}\n",
    );
    let two = document(&folder, &format!("--task rerank --data data.jsonl {own}"));
    assert_eq!(
        (&two["queries"], &two["without_relevant"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(two["mrr"], json!(1.0 / 6.0));
    let table = folder
        .run(&format!(
            "eval --task rerank --data data.jsonl --at 10 {own}"
        ))
        .text();
    for part in [
        "MRR@10 0.167 of 2 queries",
        "nDCG@10 0.250",
        "nothing relevant",
    ] {
        assert!(table.contains(part), "no {part}: {table}");
    }
    folder.write("data.csv", "query,text,label\na,b,-1\n");
    let negative = folder.run(&format!("eval --task rerank --data data.csv {own}"));
    negative.assert_error(&["line 2", "-1"]);
}

#[test]
fn similarity_is_that_of_the_vectors() {
    let folder = Folder::new();
    let vectors = folder.embed("sea sun 'red dog' 'a blue cat'").vectors();
    let cosine = |a: usize, b: usize| wgformer::tasks::cosine(&vectors[a], &vectors[b]);
    let rows = [
        ("sea", "sun", cosine(0, 1)),
        ("sea", "red dog", cosine(0, 2)),
        ("sun", "a blue cat", cosine(1, 3)),
    ];
    let write = |factor: f32| {
        let rows = rows.map(|(a, b, score)| format!("{a},{b},{}\n", factor * score));
        folder.write(
            "data.csv",
            format!("sentence1,sentence2,score\n{}", rows.concat()),
        );
    };
    let task = "--task similarity --data data.csv --model tiny";
    for factor in [5.0, -1.0] {
        write(factor);
        let found = document(&folder, task);
        assert_eq!(found["pairs"], 3);
        for kind in ["pearson", "spearman"] {
            let value = found[kind].as_f64().unwrap();
            assert!(
                (value - f64::from(factor.signum())).abs() < 1e-4,
                "{kind}: {value}"
            );
        }
    }
    let table = folder.run(&format!("eval {task}")).text();
    assert!(
        table.starts_with("Spearman -1.000 of 3 pairs\nPearson -1.000\n"),
        "{table}"
    );
    write(0.0);
    let found = document(&folder, task);
    assert_eq!(
        (&found["pearson"], &found["spearman"]),
        (&Value::Null, &Value::Null)
    );
    let long = "sea ".repeat(100);
    folder.write(
        "data.csv",
        format!("text1,text2,score\na,b,3\nc,{long},4\n"),
    );
    let refused = folder.run(&format!("eval {task} --overflow error"));
    assert!(!refused.stderr.contains("passages"), "{}", refused.stderr);
    refused.assert_error(&["text 1 is longer"]);
    folder.write("data.csv", "text1,text2,score\na,b,3\nc,d,much\n");
    folder
        .run(&format!("eval {task}"))
        .assert_error(&["line 3", "\"much\"", "\"score\""]);
}

#[test]
fn what_cannot_be_measured_is_said_with_its_line() {
    let folder = Folder::new();
    let own = model("tasks/sentiment");
    let run = |options: &str| folder.run(&format!("eval --task classify {options} {own}"));
    folder.write("data.csv", "text,label\na,neutral\nb,sad\n");
    run("--data data.csv").assert_error(&["data.csv", "line 3", "\"sad\"", "negative, neutral"]);
    folder.write("data.csv", "text,label\na,neutral\nb,\n");
    run("--data data.csv").assert_error(&["line 3", "empty label"]);
    folder.write("data.csv", "text,label\n");
    run("--data data.csv").assert_error(&["data.csv", "no records"]);
    folder.write("data.csv", "");
    run("--data data.csv").assert_error(&["data.csv", "no records"]);
    folder.write("data.csv", "body,label\na,neutral\n");
    run("--data data.csv").assert_error(&["line 2", "\"text\"", "\"body\"", "--text-field"]);
    folder.write("data.jsonl", "{\"text\": 3, \"label\": \"neutral\"}\n");
    run("--data data.jsonl").assert_error(&["line 1", "a number", "\"text\""]);
    folder.write("data.jsonl", "[1]\n");
    run("--data data.jsonl").assert_error(&["line 1", "no JSON object"]);
    run("--data nowhere.csv").assert_error(&["nowhere.csv"]);
    folder.write("data.csv", "text,label\na,1\n");
    run("--data data.csv").assert_error(&["line 2", "\"1\"", "--label-names"]);
    run("--data data.csv --label-names x,y").assert_error(&["line 2", "\"y\""]);
    let one = folder.run(&format!(
        "eval --task classify --data data.csv {}",
        model("tasks/cross-encoder")
    ));
    one.assert_error(&["--task rerank"]);
    for usage in ["--overflow chunk", "--at 3", "--scheme iob2", "--late"] {
        let ended = run(&format!("--data data.csv {usage}"));
        assert_eq!(ended.code, 2, "{usage}: {}", ended.stderr);
    }
}
