//! `answer`: where a file answers a question, in a table or as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Folder, ROOT};

const CONTEXT: &str = "Ada met 李白 💖 in London.\nA cat saw \u{1b} them.";

fn model() -> String {
    let folder = Path::new(ROOT).join("tests/data/spans/bert-answers");
    format!("--model '{}'", folder.display())
}

#[test]
fn answer_prints_answers_in_a_table_or_as_json() {
    let folder = Folder::new();
    folder.write("context.txt", CONTEXT);
    folder.write("empty.txt", "");
    let answer =
        |options: &str| folder.run(&format!("answer 'Who met Ada?' {} {options}", model()));
    let lines = answer("--context context.txt --json --top 40").lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["index"], 0);
    assert_eq!(lines[0]["question"], "Who met Ada?");
    let answers = lines[0]["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 40);
    for answer in answers {
        let [start, end] = ["start", "end"].map(|key| answer[key].as_u64().unwrap() as usize);
        let text: String = CONTEXT.chars().skip(start).take(end - start).collect();
        assert_eq!(answer["text"], text);
    }
    let scores: Vec<f64> = answers
        .iter()
        .map(|it| it["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let one = answer("--context context.txt --json").text();
    let start = r#"{"index":0,"question":"Who met Ada?","answers":[{"text":"#;
    assert!(one.starts_with(start), "{one}");
    let line = format!("answer 'Who met Ada?' {} --context - --json", model());
    let piped = folder.run_with_stdin(&line, CONTEXT.as_bytes());
    assert_eq!(piped.text(), one);

    let table = answer("--context context.txt --top 40").text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 41, "{table}");
    assert_eq!(rows[0], ["rank", "score", "characters", "answer"]);
    assert_eq!(rows[1][..2], ["1", &format!("{:.3}", scores[0])]);
    assert!(
        table.contains("\\n"),
        "an answer may have several lines: {table}"
    );
    assert!(
        table.lines().all(|line| line.trim_end() == line),
        "{table:?}"
    );

    let none = answer("--context empty.txt").text();
    assert_eq!(none, "there is no answer in the file\n");
    let none = answer("--context empty.txt --json").lines();
    assert_eq!(
        none,
        [json!({"index": 0, "question": "Who met Ada?", "answers": []})]
    );
}

#[test]
fn many_texts_are_asked_and_each_has_a_line() {
    let folder = Folder::new();
    let answer =
        |options: &str| folder.run(&format!("answer 'Who met Ada?' {} {options}", model()));
    let texts = ["Ada met Charles.", "", "A cat saw them."];
    let records = texts.map(|text| json!({ "text": text }).to_string() + "\n");
    folder.write("texts.jsonl", records.concat());
    folder.write("texts.txt", texts.join("\n"));
    let typed = texts.map(|text| format!("'{text}'")).join(" ");
    let lines = answer(&format!("{typed} --json --top 2")).lines();
    assert_eq!(crate::harness::column(&lines, "index"), json!([0, 1, 2]));
    assert_eq!(lines[1]["answers"], json!([]));
    for input in ["texts.jsonl", "texts.txt"] {
        let found = answer(&format!("--input {input} --json --top 2"));
        assert_eq!(found.lines(), lines, "{input}");
    }
    for (text, line) in texts.iter().zip(&lines) {
        folder.write("context.txt", text);
        let alone = answer("--context context.txt --json --top 2").lines();
        assert_eq!(alone[0]["answers"], line["answers"]);
    }
    let table = answer(&typed).text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["line", "rank", "score", "characters", "answer"]);
    assert_eq!([rows[1][0], rows[2][0]], ["1", "3"]);
    assert_eq!(answer("''").text(), "there is no answer in the texts\n");
}

#[test]
fn that_there_is_no_answer_may_be_one() {
    let folder = Folder::new();
    folder.write("context.txt", CONTEXT);
    let command_line = format!("answer 'Who met Ada?' --context context.txt {}", model());
    let all = |options: &str| {
        let lines = folder.run(&format!("{command_line} --top 1000 --json {options}"));
        lines.lines()[0]["answers"].as_array().unwrap().clone()
    };
    let none = |answers: &[Value]| answers.iter().filter(|it| it["text"] == "").count();
    assert_eq!(none(&all("")), 0);
    let answers = all("--no-answer");
    assert_eq!(none(&answers), 1);
    let no_answer = answers.iter().find(|it| it["text"] == "").unwrap();
    assert_eq!(
        (&no_answer["start"], &no_answer["end"]),
        (&json!(0), &json!(0))
    );
    assert!(no_answer["score"].as_f64() > Some(0.0));
}

#[test]
fn what_cannot_be_answered_is_explained() {
    let folder = Folder::new();
    folder.write("context.txt", CONTEXT);
    folder.write("latin-1.txt", b"Zo\xeb");
    let answer = |options: &str| folder.run(&format!("answer {options}"));
    let long = "who ".repeat(100);
    answer(&format!("'{long}' --context context.txt {}", model())).assert_error(&[
        "question 0",
        "64 are allowed",
        "shorter question",
    ]);
    for (context, needle) in [
        ("missing.txt", "missing.txt"),
        ("tiny", "is a folder"),
        ("latin-1.txt", "not valid UTF-8"),
    ] {
        answer(&format!("who --context {context} {}", model())).assert_error(&[context, needle]);
    }
    answer("who --context context.txt --model tiny")
        .assert_error(&["tiny", "\"qa_outputs.weight\""]);
}
