//! `embed --overflow`: texts that are longer than the model takes.

use serde_json::{Value, json};

use crate::generated_model::POSITIONS;
use crate::harness::{Folder, column, mixed_lines, npy, vector};

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
