//! `--overflow`: texts that are longer than the model takes.

use serde_json::{Value, json};

use crate::generated_model::{GeneratedModel, HIDDEN, POSITIONS};
use crate::harness::{Folder, ROOT, column, mixed_lines, npy, vector};

/// Lines of up to some hundreds of words, short ones in between.
fn lines(count: usize) -> Vec<String> {
    let lines = mixed_lines(8 * count);
    let joined = lines.chunks(8).enumerate();
    let joined = joined.map(|(place, lines)| lines[..1 + place % 8].join(" "));
    joined.collect()
}

fn characters(text: &str, line: &Value) -> String {
    let [start, end] = ["start", "end"].map(|key| line[key].as_u64().unwrap() as usize);
    text.chars().skip(start).take(end - start).collect()
}

#[test]
fn a_long_text_is_cut_and_said_to_be_unless_it_is_refused() {
    let folder = Folder::new();
    let long = "sea ".repeat(POSITIONS);
    let texts = format!("'snow' '{long}' 'rain'");
    let lines = folder.embed(&texts).lines();
    assert_eq!(column(&lines, "tokens"), json!([3, POSITIONS, 3]));
    assert_eq!(column(&lines, "cut"), json!([null, true, null]));
    let fits = "sea ".repeat(POSITIONS - 2);
    assert_eq!(
        vector(&lines[1]),
        folder.embed(&format!("'{fits}'")).vectors()[0]
    );

    folder
        .embed(&format!("'{fits}' --overflow error"))
        .vectors();
    let refused = folder.embed(&format!("'{long}' --overflow error"));
    refused.assert_error(&["text 0 ", &POSITIONS.to_string()]);
    let refused = folder.embed(&format!("{texts} --overflow error"));
    assert!(
        refused.code == 1 && refused.stderr.contains("text 1 "),
        "{}",
        refused.stderr
    );
    assert_eq!(
        refused.stdout.iter().filter(|byte| **byte == b'\n').count(),
        1
    );
}

#[test]
fn a_long_text_is_split_into_passages_that_overlap() {
    let folder = Folder::new();
    let mut texts = lines(40);
    texts.push("雪 🎉 ".repeat(70));
    texts.push(String::new());
    folder.write("in.txt", texts.join("\n") + "\n");
    for overlap in [0, 8, 40] {
        let chunked = format!("--input in.txt --overflow chunk --overlap {overlap}");
        let found = folder.embed(&chunked).lines();
        for (index, text) in texts.iter().enumerate() {
            let own: Vec<&Value> = found.iter().filter(|line| line["index"] == index).collect();
            let place = |line: &Value, key: &str| line[key].as_u64().unwrap() as usize;
            assert_eq!(place(own[0], "start"), 0);
            let last = own[own.len() - 1];
            assert_eq!(place(last, "end"), text.chars().count(), "{text}");
            for line in &own {
                assert_eq!(line["text"].as_str().unwrap(), characters(text, line));
                assert!(line.get("cut").is_none() && place(line, "tokens") <= POSITIONS);
            }
            for pair in own.windows(2) {
                let shared = text.chars().skip(place(pair[1], "start"));
                let count = place(pair[0], "end").saturating_sub(place(pair[1], "start"));
                let shared = shared.take(count);
                let words = shared.collect::<String>().split_whitespace().count();
                assert!(
                    words <= overlap && words + 4 >= overlap,
                    "{words} of {overlap}"
                );
                let before = text.chars().nth(place(pair[1], "start") - 1);
                assert_eq!(before, Some(' '), "a passage begins with a word");
            }
        }
        let passages: Vec<&str> = found
            .iter()
            .map(|line| line["text"].as_str().unwrap())
            .collect();
        folder.write("passages.txt", passages.join("\n") + "\n");
        let alone = folder.embed("--input passages.txt").vectors();
        assert!(
            found.iter().map(vector).eq(alone),
            "each is a text of its own"
        );
    }
    let too_much = "--input in.txt --overflow chunk --overlap 62";
    folder
        .embed(too_much)
        .assert_error(&["overlap", "62", "has room for 62"]);
    let usage = folder.embed("sea --overflow chunk --pooling none");
    assert_eq!(usage.code, 2);
}

#[test]
fn an_array_of_passages_says_where_each_text_begins() {
    let folder = Folder::new();
    folder.write("in.txt", lines(20).join("\n"));
    let chunked = "--input in.txt --overflow chunk";
    let lines = folder.embed(chunked).lines();
    folder.embed(&format!("{chunked} --output out.npy")).bytes();
    let (shape, values) = npy::<f32>(&folder.read("out.npy"));
    assert_eq!(shape[0], lines.len() as u64);
    assert_eq!(values, lines.iter().flat_map(vector).collect::<Vec<_>>());
    let (_, offsets) = npy::<u64>(&folder.read("out.offsets.npy"));
    let starts = (0..=20).map(|text| {
        let before = lines
            .iter()
            .filter(|line| line["index"].as_u64() < Some(text));
        before.count() as u64
    });
    assert_eq!(offsets, starts.collect::<Vec<_>>());
}

#[test]
fn a_run_in_passages_goes_on_where_it_ended() {
    let folder = Folder::new();
    let texts = lines(30).join("\n");
    folder.write("in.txt", [texts.as_bytes(), b"\nra\xffin\n"].concat());
    let chunked = "--input in.txt --overflow chunk --output out.jsonl --resume";
    folder
        .embed(chunked)
        .assert_error(&["line 31 is not valid"]);
    let mut checkpoint: Value =
        serde_json::from_slice(&folder.read("out.jsonl.partial.json")).unwrap();
    assert!(checkpoint["rows"].as_u64() > Some(30), "{checkpoint}");
    // The same input but for its last line.
    folder.write("in.txt", lines(40).join("\n"));
    let hash = twox_hash::XxHash3_128::oneshot(&folder.read("in.txt"));
    checkpoint["origin"]["input"] = format!("{hash:032x}").into();
    folder.write("out.jsonl.partial.json", checkpoint.to_string());
    folder.embed(chunked).bytes();
    let whole = folder.embed("--input in.txt --overflow chunk").bytes();
    assert!(folder.read("out.jsonl") == whole);
    let other = chunked.replace("chunk", "chunk --overlap 3");
    folder.write("out.jsonl.partial.json", checkpoint.to_string());
    folder.write("out.jsonl.partial", "");
    folder
        .embed(&other)
        .assert_error(&["--overlap 32", "--overlap 3"]);
}

/// A sentence that the models of all tasks read, more often than they can.
fn long() -> String {
    "The cat sat on the mat, and the dog slept. ".repeat(12)
}

/// What reads texts, up to them, with a model of `tests/data`; for each what a line has of a text.
fn commands() -> Vec<(String, &'static str)> {
    let rows = [
        ("embed --sparse", "retrieval/splade", "sparse"),
        ("embed --sparse", "retrieval/bge-m3", "sparse"),
        ("embed --multi", "retrieval/colbert", "embeddings"),
        (
            "embed --multi --prompt query",
            "retrieval/colbert",
            "embeddings",
        ),
        ("classify --json", "tasks/sentiment", "labels"),
        (
            "classify --json --labels food,weather",
            "tasks/inference",
            "labels",
        ),
        ("tag --json", "spans/bert-tags", "entities"),
        (
            "rerank 'Where did it sit?' --json",
            "tasks/cross-encoder",
            "score",
        ),
        (
            "rerank 'Where did it sit?' --json --late",
            "retrieval/colbert",
            "score",
        ),
        ("search 'a cat' --json", "tiny/plain", "score"),
    ];
    let command = |(command, model, made)| {
        (
            format!("{command} --model '{ROOT}/tests/data/{model}'"),
            made,
        )
    };
    rows.map(command).into()
}

#[test]
fn every_task_says_which_texts_it_cut_and_refuses_them_if_asked() {
    let folder = Folder::new();
    let long = long();
    for (command, _) in commands() {
        let mut lines = folder
            .run(&format!("{command} 'a cat' '{long}' 'a dog'"))
            .lines();
        lines.sort_by_key(|line| line["index"].as_u64());
        let cut = json!([null, true, null]);
        assert_eq!(column(&lines, "cut"), cut, "{command}");
        let refuse = |texts: &str| folder.run(&format!("{command} {texts} --overflow error"));
        let same = refuse("'a cat' 'a dog'").lines();
        assert_eq!(same.len(), 2, "{command}");
        let refused = refuse(&format!("'a cat' '{long}' 'a dog'"));
        assert_eq!(refused.code, 1, "{command}");
        let message = &refused.stderr;
        assert!(
            message.contains("text 1 is longer than"),
            "{command}: {message}"
        );
    }
    // Only what can be split is to be split.
    let model = |name: &str| format!("--model '{ROOT}/tests/data/{name}'");
    for (command, can_be_split) in [
        (
            format!("fill '[MASK] {long}' {}", model("tasks/masked-lm")),
            false,
        ),
        (
            format!("tag '{long}' --pair x {}", model("spans/bert-tags")),
            false,
        ),
        (format!("tag '{long}' {}", model("spans/bert-tags")), true),
        (
            format!("classify '{long}' --pair x {}", model("tasks/sentiment")),
            false,
        ),
        (
            format!("classify '{long}' {}", model("tasks/sentiment")),
            true,
        ),
        (
            format!("embed '{long}' --pair x {}", model("tiny/plain")),
            false,
        ),
        (format!("embed '{long}' {}", model("tiny/plain")), true),
    ] {
        let refused = folder.run(&format!("{command} --overflow error"));
        assert_eq!(
            refused.stderr.contains("passages"),
            can_be_split,
            "{}",
            refused.stderr
        );
        refused.assert_error(&["error: text 0 is longer than", "let it be cut"]);
    }
    // What people read says so too.
    for command in ["classify", "rerank x"] {
        let name = if command == "classify" {
            "sentiment"
        } else {
            "cross-encoder"
        };
        let model = format!("--model '{ROOT}/tests/data/tasks/{name}'");
        let table = folder
            .run(&format!("{command} 'a cat' '{long}' {model}"))
            .text();
        assert_eq!(table.matches(" (cut)\n").count(), 1, "{table}");
    }
    for command in ["search", "rerank --late"] {
        let name = if command == "search" {
            "tiny/plain"
        } else {
            "retrieval/colbert"
        };
        let model = format!("--model '{ROOT}/tests/data/{name}'");
        let refused = folder.run(&format!(
            "{command} '{long}' 'a cat' {model} --overflow error"
        ));
        refused.assert_error(&["query", "longer than"]);
        // Cut, both what people and what programs read says so.
        let ranked = |query: &str, options: &str| {
            folder.run(&format!(
                "{command} '{query}' 'a cat' sea {model} {options}"
            ))
        };
        let lines = ranked(&long, "--json").lines();
        assert_eq!(column(&lines, "query_cut"), json!([true, true]));
        let lines = ranked("a cat", "--json").lines();
        assert_eq!(column(&lines, "query_cut"), json!([null, null]));
        let is_marked = |query: &str| ranked(query, "").text().contains("of the query was read");
        assert_eq!([is_marked(&long), is_marked("a cat")], [true, false]);
    }
    let model = format!("--model '{ROOT}/tests/data/spans/bert-tags'");
    let tags = format!("tag 'a cat' '{long}' 'a dog' {model}");
    let marks = |table: String| {
        let marked = table.lines().filter(|row| row.ends_with(" (cut)"));
        let numbers = marked.map(|row| row.split_whitespace().next().unwrap().to_owned());
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(marks(folder.run(&tags).text()), ["2"]);
    let whole = folder.run(&format!("{tags} --overflow chunk"));
    assert!(marks(whole.text()).is_empty());
}

#[test]
fn a_refused_text_has_its_number_among_all() {
    let folder = Folder::new();
    let mut lines = vec!["a cat".to_owned(); 600];
    lines[300] = long();
    folder.write("in.txt", lines.join("\n"));
    let model = format!("--model '{ROOT}/tests/data/retrieval/splade'");
    let refused = folder.run(&format!(
        "embed --sparse --input in.txt {model} --overflow error"
    ));
    assert!(refused.stderr.contains("text 300 is"), "{}", refused.stderr);
}

#[test]
fn what_fails_in_a_passage_names_its_text() {
    let folder = Folder::new();
    let mut model = GeneratedModel::new();
    // Each value is finite, and their sum is not.
    let sea = model.tokenizer["model"]["vocab"]["sea"].as_u64().unwrap() as usize;
    let words = model.weights.get_mut("embeddings.word_embeddings.weight");
    words.unwrap().values[sea * HIDDEN..][..HIDDEN].fill(3e38);
    model.write(&folder.path("overflows"));
    let long = "sun ".repeat(3 * POSITIONS);
    for end in ["'rain' 'sea sea'", &format!("'{long} sea sea'")] {
        let texts = format!("'{long}' {end}");
        let command = format!("embed --model overflows {texts} --overflow chunk");
        let ended = folder.run(&command);
        let text = if end.starts_with("'rain") { 2 } else { 1 };
        let named = format!("text {text} ");
        assert!(
            ended.code == 1 && ended.stderr.contains(&named),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_passage_is_as_a_text_of_its_own() {
    let folder = Folder::new();
    let texts = [long(), "a cat".to_owned(), format!("雪 🎉 {}", long())];
    let typed = texts.each_ref().map(|text| format!("'{text}'")).join(" ");
    for (command, made) in commands() {
        if made == "entities" || command.starts_with("rerank") {
            continue; // one line per text
        }
        let top = if command.starts_with("search") {
            "--top 1000"
        } else {
            ""
        };
        let run = |texts: &str, options: &str| {
            let mut lines = folder
                .run(&format!("{command} {texts} {options} {top}"))
                .lines();
            lines.sort_by_key(|line| (line["index"].as_u64(), line["start"].as_u64()));
            lines
        };
        let found = run(&typed, "--overflow chunk --overlap 3");
        assert!(found.len() > 10, "{command}");
        let overlap = |pair: &[Value]| pair[1]["start"].as_u64() < pair[0]["end"].as_u64();
        assert!(found.windows(2).any(overlap), "{command}");
        for (index, text) in texts.iter().enumerate() {
            let own: Vec<&Value> = found.iter().filter(|line| line["index"] == index).collect();
            assert_eq!(own[0]["start"], 0, "{command}");
            assert_eq!(own[own.len() - 1]["end"], text.chars().count(), "{command}");
            for pair in own.windows(2) {
                assert!(
                    pair[1]["start"].as_u64() <= pair[0]["end"].as_u64(),
                    "{command}"
                );
            }
            for line in own {
                assert_eq!(line["text"].as_str().unwrap(), characters(text, line));
                assert!(line.get("cut").is_none(), "{command}");
            }
        }
        let passages = found
            .iter()
            .map(|line| format!("'{}'", line["text"].as_str().unwrap()));
        let alone = run(&passages.collect::<Vec<_>>().join(" "), "--overflow error");
        assert_eq!(column(&found, made), column(&alone, made), "{command}");
    }
}

#[test]
fn a_candidate_is_as_good_as_its_best_passage() {
    let folder = Folder::new();
    let end = "Where did it sit? It sat here.";
    let texts = [format!("{}{end}", long()), "a cat".to_owned(), long()];
    let typed = texts.each_ref().map(|text| format!("'{text}'")).join(" ");
    for (command, _) in commands() {
        if !command.starts_with("rerank") {
            continue;
        }
        let run = |texts: &str, options: &str| folder.run(&format!("{command} {texts} {options}"));
        let chunk = "--overflow chunk --overlap 3";
        let ranked = run(&typed, chunk).lines();
        assert_eq!(ranked.len(), 3, "{command}");
        assert_eq!(column(&ranked, "rank"), json!([1, 2, 3]));
        let scores: Vec<f64> = ranked
            .iter()
            .map(|it| it["score"].as_f64().unwrap())
            .collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{command}: {scores:?}");
        for line in &ranked {
            let text = &texts[line["index"].as_u64().unwrap() as usize];
            assert_eq!(line["text"].as_str().unwrap(), characters(text, line));
            let alone = run(
                &format!("'{}'", line["text"].as_str().unwrap()),
                "--overflow error",
            );
            assert_eq!(alone.lines()[0]["score"], line["score"], "{command}");
        }
        // Cut, the end of the first, which is most like the query, would not be read.
        let first = ranked.iter().find(|line| line["index"] == 0).unwrap();
        assert!(first["start"] != 0, "{command}: {first}");
        assert_eq!(
            run(&typed, &format!("{chunk} --top 1")).lines(),
            ranked[..1]
        );
    }
}

#[test]
fn tags_of_passages_are_those_of_the_whole_text() {
    let folder = Folder::new();
    let text = format!("雪 🎉 {}", long());
    let model = format!("--model '{ROOT}/tests/data/spans/bert-tags'");
    let tag = |options: &str| {
        let command = format!("tag 'a cat' '{text}' {model} --json {options}");
        let lines = folder.run(&command).lines();
        assert_eq!(lines.len(), 2, "a line per text");
        assert!(lines[1]["text"] == *text && lines[1].get("start").is_none());
        lines[1]["entities"].as_array().unwrap().clone()
    };
    let place = |entity: &Value, key: &str| entity[key].as_u64().unwrap();
    for options in ["", "--aggregation max", "--aggregation none"] {
        let chunked = tag(&format!("--overflow chunk --overlap 9 {options}"));
        let cut = tag(options);
        assert!(chunked.len() > 2 * cut.len(), "{options}");
        assert_eq!(place(&chunked[0], "start"), place(&cut[0], "start"));
        for entity in &chunked {
            assert_eq!(entity["text"].as_str().unwrap(), characters(&text, entity));
            let [first, behind] = [0, 1].map(|it| entity["words"][it].as_u64().unwrap());
            assert!(first < behind, "{entity}");
        }
        let apart = chunked
            .windows(2)
            .all(|it| place(&it[0], "end") <= place(&it[1], "start"));
        assert!(apart, "{options}: each once");
        if options.ends_with("none") {
            let last = &chunked[chunked.len() - 1];
            assert_eq!(place(last, "end"), text.trim_end().chars().count() as u64);
        }
    }
    let too_much = format!("tag '{text}' {model} --overflow chunk --overlap 62");
    folder.run(&too_much).assert_error(&["stride", "62", "64"]);
}

#[test]
fn what_takes_all_the_room_beside_a_passage_is_explained() {
    let folder = Folder::new();
    let long = long();
    let model = format!("--model '{ROOT}/tests/data/tasks/cross-encoder'");
    folder
        .run(&format!(
            "rerank '{long}' '{long}' {model} --overflow chunk"
        ))
        .assert_error(&["the sentence that it is read with", "40 are allowed"]);
    // Nothing is loaded for what cannot be.
    for pairs in ["--pair x", "--pairs"] {
        let refused = folder.run(&format!(
            "classify sea --model none {pairs} --overflow chunk"
        ));
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("--overflow chunk"),
            "{}",
            refused.stderr
        );
    }
}
