//! `tag`: what texts name, in a table or as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Folder, ROOT, column};

fn model() -> String {
    let folder = Path::new(ROOT).join("tests/data/spans/bert-tags");
    format!("--model '{}'", folder.display())
}

#[test]
fn tag_prints_entities_in_a_table_or_as_json() {
    let folder = Folder::new();
    let input = ["Ada met 李白 💖 in London.", "", "a\u{1b}cat"];
    folder.write("input.txt", input.join("\n"));
    let tag = |options: &str| folder.run(&format!("tag {} {options}", model()));
    let lines = tag("--input input.txt --json").lines();
    assert_eq!(column(&lines, "index"), json!([0, 1, 2]));
    assert_eq!(column(&lines, "text"), json!(input));
    assert_eq!(lines[1]["entities"], json!([]));
    let entities = lines[0]["entities"].as_array().unwrap();
    assert!(entities.len() > 1, "{entities:?}");
    for entity in entities {
        let [start, end] = ["start", "end"].map(|key| entity[key].as_u64().unwrap() as usize);
        let text: String = input[0].chars().skip(start).take(end - start).collect();
        assert_eq!(entity["text"], text);
        assert!(
            !entity["label"].as_str().unwrap().starts_with("B-"),
            "{entity}"
        );
    }
    let printed = tag(&format!("'{}' --json", input[0])).text();
    let start = format!(
        r#"{{"index":0,"text":"{}","entities":[{{"label":"#,
        input[0]
    );
    assert!(printed.starts_with(&start), "{printed}");

    let table = tag("--input input.txt").text();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["line", "score", "label", "text"]);
    let score = format!("{:.3}", entities[0]["score"].as_f64().unwrap());
    assert_eq!(
        rows[1][..3],
        ["1", &score, entities[0]["label"].as_str().unwrap()]
    );
    assert!(table.contains("\\u{1b}"), "{table}");
    assert!(
        table.lines().all(|line| line.trim_end() == line),
        "{table:?}"
    );
    assert_eq!(tag("''").text(), "nothing is named in the texts\n");
}

#[test]
fn entities_of_pairs_say_which_text_they_are_of() {
    let folder = Folder::new();
    let pairs = [
        ["Ada met 李白 💖 in London.", "Charles met a cat in 東京."],
        ["a cat", ""],
    ];
    folder.write("pairs.tsv", pairs.map(|pair| pair.join("\t")).join("\n"));
    let tag = |options: &str| folder.run(&format!("tag {} {options}", model()));
    let lines = tag("--input pairs.tsv --pairs --json").lines();
    for (line, pair) in lines.iter().zip(pairs) {
        assert_eq!(
            (&line["text"], &line["pair"]),
            (&json!(pair[0]), &json!(pair[1]))
        );
        for entity in line["entities"].as_array().unwrap() {
            let place = |key: &str| entity[key].as_u64().unwrap() as usize;
            let text = pair[place("sequence")].chars().skip(place("start"));
            let text: String = text.take(place("end") - place("start")).collect();
            assert_eq!(entity["text"], text, "{entity}");
        }
    }
    let sequences = column(lines[0]["entities"].as_array().unwrap(), "sequence");
    let sequences = sequences.to_string();
    assert!(
        sequences.contains('0') && sequences.contains('1'),
        "{sequences}"
    );
    let [first, second] = pairs[0];
    let same = tag(&format!("'{first}' --pair '{second}' --json")).lines();
    assert_eq!(same[0], lines[0]);

    let table = tag("--input pairs.tsv --pairs").text();
    let mut rows = table.lines().map(|line| line.split_whitespace());
    let header: Vec<&str> = rows.next().unwrap().collect();
    assert_eq!(header, ["line", "of", "score", "label", "text"]);
    let of: Vec<&str> = rows.map(|mut row| row.nth(1).unwrap()).collect();
    assert!(of.contains(&"1") && of.contains(&"2"), "{table}");

    let chunk = tag("a --pair b --overflow chunk");
    assert_eq!(chunk.code, 2);
    assert!(
        chunk.stderr.contains("--overflow chunk"),
        "{}",
        chunk.stderr
    );
}

#[test]
fn without_aggregation_every_token_is_there() {
    let folder = Folder::new();
    let text = "Ada Lovelace met C. Babbage in London.";
    let tag = |aggregation: &str| {
        let line = format!(
            "tag '{text}' {} --json --aggregation {aggregation}",
            model()
        );
        folder.run(&line).lines()[0]["entities"].clone()
    };
    let tokens = tag("none");
    let texts: Vec<&str> = tokens
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts[..3], ["A", "d", "a"]);
    assert_eq!(texts[19..], ["in", "Lon", "don", "."]);
    let labels = |entities: &Value| column(entities.as_array().unwrap(), "label").to_string();
    let of_no_entity = |entities: &Value| labels(entities).contains("\"O\"");
    assert!(labels(&tokens).contains("\"B-"), "{tokens}");
    assert!(of_no_entity(&tokens), "{tokens}");
    for aggregation in ["simple", "first", "average", "max"] {
        let entities = tag(aggregation);
        assert!(
            !labels(&entities).contains('-'),
            "{aggregation}: {entities}"
        );
        assert!(!of_no_entity(&entities), "{aggregation}: {entities}");
    }
    let [first, simple] = ["first", "simple"].map(tag);
    assert_ne!(first, simple);
}

#[test]
fn a_model_that_tags_nothing_is_explained() {
    let folder = Folder::new();
    let tag = |options: &str| folder.run(&format!("tag sea {options}"));
    tag("--model tiny").assert_error(&["tiny", "\"classifier.weight\""]);
    tag("--model nowhere").assert_error(&["there is no model"]);
    let input = format!("tag --input missing.txt {}", model());
    folder.run(&input).assert_error(&["missing.txt"]);
}

/// A copy of the model, with other labels.
fn relabelled(folder: &Folder, labels: [&str; 6]) -> String {
    let model = Path::new(ROOT).join("tests/data/spans/bert-tags");
    fs::create_dir(folder.path("model")).unwrap();
    for file in ["model.safetensors", "tokenizer.json", "config.json"] {
        folder.write(
            &format!("model/{file}"),
            fs::read(model.join(file)).unwrap(),
        );
    }
    let mut config: Value = serde_json::from_slice(&folder.read("model/config.json")).unwrap();
    for (place, label) in labels.iter().enumerate() {
        config["id2label"][place.to_string()] = json!(label);
    }
    config["label2id"] = json!(labels.into_iter().zip(0..).collect::<BTreeMap<_, i32>>());
    folder.write("model/config.json", config.to_string());
    "--model model".to_owned()
}

#[test]
fn labels_that_say_where_an_entity_ends_are_heeded() {
    for (end, single) in [("E", "S"), ("L", "U")] {
        let folder = Folder::new();
        let of = |letter: &str| format!("{letter}-PER");
        let [begin, inside, end, single] = ["B", "I", end, single].map(of);
        let labels = ["O", &inside[..], &begin, &single, &end, "B-LOC"];
        let model = relabelled(&folder, labels);
        let text = "Ada Lovelace met C. Babbage in London, and the cat saw the dog. ".repeat(3);
        let tag = |aggregation: &str| {
            let options = format!("--json --aggregation {aggregation}");
            let line = folder
                .run(&format!("tag '{text}' {model} {options}"))
                .lines();
            line[0]["entities"].as_array().unwrap().clone()
        };
        let (mut expected, mut open) = (Vec::<(String, u64, u64)>::new(), None::<String>);
        for token in tag("none") {
            let label = token["label"].as_str().unwrap();
            let [start, behind] = ["start", "end"].map(|key| token[key].as_u64().unwrap());
            let name = label.split('-').next_back().unwrap().to_owned();
            let goes_on = (label == inside || label == end) && open.as_deref() == Some("PER");
            match expected.last_mut() {
                Some(last) if goes_on || (label == "O" && last.0 == "O") => last.2 = behind,
                _ => expected.push((name.clone(), start, behind)),
            }
            open = Some(name).filter(|_| label != end && label != single);
        }
        expected.retain(|(name, ..)| name != "O");
        let found = tag("simple");
        let found: Vec<_> = found
            .iter()
            .map(|it| {
                let [start, behind] = ["start", "end"].map(|key| it[key].as_u64().unwrap());
                (it["label"].as_str().unwrap().to_owned(), start, behind)
            })
            .collect();
        assert!(
            found.iter().any(|(_, start, end)| end - start > 4),
            "{found:?}"
        );
        assert_eq!(found, expected);
    }
}
