//! `search`: lines by their meaning, the nearest first.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Folder, ROOT, column, real};

#[test]
fn search_ranks_lines_in_a_table_or_as_json() {
    let folder = Folder::new();
    let input = [
        "the cat and the dog",
        "snow in the rain",
        "hello world",
        "",
        "red sun",
        "sea",
    ];
    folder.write("input.txt", input.join("\n"));
    let search = |options: &str| {
        folder.run(&format!(
            "search 'hello world' --model tiny --input input.txt {options}"
        ))
    };
    let hits = search("--json --top 100").lines();
    assert_eq!(column(&hits, "rank"), json!([1, 2, 3, 4, 5, 6]));
    for hit in &hits {
        assert_eq!(hit["text"], input[hit["index"].as_u64().unwrap() as usize]);
    }
    let scores: Vec<f32> = serde_json::from_value(column(&hits, "score")).unwrap();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert_eq!(hits[0]["index"], 2);
    assert!((scores[0] - 1.0).abs() < 1e-6, "{scores:?}");
    let printed = search("--json --top 1").text();
    assert!(
        printed.starts_with(r#"{"rank":1,"index":2,"score":"#),
        "{printed}"
    );
    assert!(
        printed.ends_with(",\"text\":\"hello world\"}\n"),
        "{printed}"
    );

    // People count lines from 1.
    let table = search("--top 2").text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert_eq!(rows[0], ["rank", "score", "line", "text"]);
    assert_eq!(rows[1], ["1", "1.000", "3", "hello", "world"]);
    let line = hits[1]["index"].as_u64().unwrap() + 1;
    assert_eq!(
        rows[2][..3],
        ["2", &format!("{:.3}", scores[1]), &line.to_string()]
    );
    assert!(
        table.lines().all(|line| line.trim_end() == line),
        "{table:?}"
    );
    assert_eq!(search("").text().lines().count(), 6, "five by default");
}

#[test]
fn the_demo_finds_what_sentence_transformers_finds() {
    let read = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let reference: Value = serde_json::from_str(&read("tests/data/all-MiniLM-L6-v2.json")).unwrap();
    let searches = reference["search"].as_array().unwrap();
    let queries: Value = read("examples/queries.txt").lines().collect();
    assert_eq!(column(searches, "query"), queries);
    for search in searches {
        let query = search["query"].as_str().unwrap();
        let options = "--input examples/sentences.txt --top 3 --json";
        let found = real(&format!("search '{query}' {options}")).lines();
        let expected = search["hits"].as_array().unwrap();
        assert_eq!(column(&found, "index"), column(expected, "line"), "{query}");
        for (found, expected) in found.iter().zip(expected) {
            let [found, expected] = [found, expected].map(|hit| hit["score"].as_f64().unwrap());
            assert!(
                (found - expected).abs() < 1e-3,
                "{query}: {found}, {expected}"
            );
        }
    }
}
