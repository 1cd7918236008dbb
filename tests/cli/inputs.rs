//! Texts as fields of records: what each format of input gives, and what is said of one that cannot be read.

use serde_json::json;

use crate::harness::{Folder, column};

/// Whatever a format has to quote.
const TEXTS: [&str; 5] = [
    "hello world",
    "",
    "sea, sun \"and\" rain",
    "snow\nrain",
    "\u{feff}one \u{1f600}\ttwo\\",
];

fn jsonl(key: &str) -> String {
    let line = |text: &&str| json!({ "id": 7, key: text, "other": [1, null] }).to_string();
    TEXTS.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn csv(column: &str) -> String {
    let quoted = |text: &&str| format!("7,\"{}\",x\r\n", text.replace('"', "\"\""));
    format!("id,{column},other\r\n") + &TEXTS.iter().map(quoted).collect::<String>()
}

#[test]
fn the_same_texts_give_the_same_bytes_from_every_format() {
    let folder = Folder::new();
    for (name, content) in [
        ("a.jsonl", jsonl("text")),
        ("b.ndjson", jsonl("text") + "\n\n"),
        (
            "c.JSON",
            format!("\u{feff}{}\r\n", jsonl("text").replace('\n', "\r\n")),
        ),
        ("d.csv", csv("text")),
        ("e.CSV", format!("\u{feff}{}", csv("text"))),
        ("body.jsonl", jsonl("body")),
        ("body.csv", csv("body")),
        ("lines", jsonl("text")),
    ] {
        folder.write(name, content);
    }
    let expected = folder.embed("--input a.jsonl").lines();
    assert_eq!(column(&expected, "text"), json!(TEXTS));
    assert_eq!(column(&expected, "index"), json!([0, 1, 2, 3, 4]));
    for input in [
        "b.ndjson",
        "c.JSON",
        "d.csv",
        "e.CSV",
        "body.jsonl --field body",
        "body.csv --field body",
        "lines --input-format jsonl",
        "a.jsonl --field text",
    ] {
        let found = folder.embed(&format!("--input {input}"));
        assert_eq!(found.lines(), expected, "{input}");
    }
    for (format, input) in [("jsonl", jsonl("text")), ("csv", csv("text"))] {
        let command = format!("embed --model tiny --input - --input-format {format}");
        let piped = folder.run_with_stdin(&command, input.as_bytes());
        assert_eq!(piped.lines(), expected, "{format}");
    }
    // The name says what it is, unless the user does.
    let raw = folder.embed("--input a.jsonl --input-format text").lines();
    assert_eq!(raw.len(), 5);
    assert!(raw[0]["text"].as_str().unwrap().starts_with('{'));
}

#[test]
fn a_record_without_its_text_is_an_error_that_names_it() {
    let folder = Folder::new();
    let cases: [(&str, &[u8], &str); 11] = [
        (
            "a.jsonl",
            b"{\"text\":\"sea\"}\n\n{\"id\":1,\"body\":\"\"}",
            "line 3 has no field \"text\", it has \"body\", \"id\"; name one with --field",
        ),
        (
            "a.jsonl",
            b"{}",
            "line 1 has no field \"text\", it has nothing",
        ),
        (
            "a.jsonl",
            b"{\"text\":null}",
            "line 1 has null in its field \"text\"",
        ),
        (
            "a.jsonl",
            b"{\"text\":[\"sea\"]}",
            "line 1 has an array in its field \"text\"",
        ),
        (
            "a.jsonl",
            b"{\"text\":\"sea\"}\n{\"text\":\"s",
            "line 2 is no JSON object, and every line is one: EOF while parsing a string at column 10",
        ),
        (
            "a.json",
            b"[{\"text\":\"sea\"},\n",
            "line 1 is no JSON object",
        ),
        (
            "a.jsonl",
            b"{\"text\":\"s\xff\"}",
            "line 1 is not valid UTF-8",
        ),
        (
            "a.csv",
            b"id,body\n1,sea\n",
            "has no column \"text\", its header has \"id\", \"body\"; name one with --field",
        ),
        (
            "a.csv",
            b"",
            "has no column \"text\", its header has nothing",
        ),
        ("a.csv", b"id,text\n1,sea\n2\n", "record 2 (line: 3"),
        ("a.csv", b"id,text\n1,s\xff\n", "record 1 (line 2"),
    ];
    for (name, content, needle) in cases {
        folder.write(name, content);
        let ended = folder.embed(&format!("--input {name} --output out.jsonl"));
        ended.assert_error(&[name, needle]);
    }
    folder
        .embed("--input lost.csv")
        .assert_error(&["cannot read lost.csv"]);
    folder
        .embed("--input tiny --input-format csv")
        .assert_error(&["tiny: it is a folder"]);
    assert!(!folder.names().contains("out.jsonl"));
}

#[test]
fn the_name_of_the_output_says_its_format() {
    let folder = Folder::new();
    folder.embed("sea sun --output out.NPY").bytes();
    assert_eq!(
        folder.read("out.NPY"),
        folder.embed("sea sun --format npy").bytes()
    );
    folder
        .embed("sea sun --output lines.npy --format jsonl")
        .bytes();
    assert_eq!(folder.read("lines.npy"), folder.embed("sea sun").bytes());
    for name in ["out.csv", "out.TSV"] {
        let ended = folder.embed(&format!("sea --output {name}"));
        assert!(ended.code == 2 && ended.stderr.contains("CSV"), "{name}");
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_says_how_to_get_it() {
    let folder = Folder::new();
    folder.write("a.parquet", "PAR1");
    for command in [
        "--input a.parquet",
        "sea --format parquet",
        "sea --output out.parquet",
    ] {
        folder.embed(command).assert_error(&["--features parquet"]);
    }
}
