//! `embed`: what is made of texts, and in which form it is printed.

use serde_json::{Value, json};
use wgformer::tasks::{cosine, to_int8, to_ubinary};

use crate::generated_model::HIDDEN;
use crate::harness::{Folder, ROOT, column, mixed_lines, npy, real, vector};

#[test]
fn a_text_becomes_exactly_one_json_line() {
    let printed = real("embed 'some text'").text();
    let start = r#"{"index":0,"text":"some text","tokens":4,"embedding":["#;
    assert!(printed.starts_with(start), "{printed}");
    assert!(printed.ends_with("]}\n"), "{printed}");
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let line: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(vector(&line).len(), 384);
    assert!((length(&vector(&line)) - 1.0).abs() < 1e-5);

    let lines = real(r#"embed 'some text' '' 'say "hello"' -- --dashes"#).lines();
    let texts = json!(["some text", "", "say \"hello\"", "--dashes"]);
    assert_eq!(column(&lines, "text"), texts);
    assert_eq!(column(&lines, "index"), json!([0, 1, 2, 3]));
    assert_eq!(lines[1]["tokens"], 2);
    assert_eq!(lines[0], line, "what else is embedded changes nothing");
}

#[test]
fn without_normalising_a_vector_has_its_own_length_and_the_same_direction() {
    let own = real("embed 'some text' --no-normalize").vectors().remove(0);
    let unit = real("embed 'some text'").vectors().remove(0);
    assert!((length(&own) - 1.0).abs() > 0.1, "{}", length(&own));
    assert!(cosine(&own, &unit) > 0.999_999);
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

#[test]
fn smaller_weights_give_nearly_the_same() {
    let full = real("embed 'some text' 'Where is the cat?'").vectors();
    for (dtype, least) in [("f16", 0.9999), ("int8", 0.995)] {
        let smaller = real(&format!(
            "embed 'some text' 'Where is the cat?' --dtype {dtype}"
        ));
        for (full, smaller) in full.iter().zip(&smaller.vectors()) {
            assert_ne!(full, smaller);
            assert!(
                cosine(full, smaller) > least,
                "{dtype} {}",
                cosine(full, smaller)
            );
        }
    }
}

#[test]
fn a_numpy_array_holds_the_same_numbers() {
    let folder = Folder::new();
    let texts = "'hello world' '' 'the cat and the dog'";
    let lines = folder.embed(texts).vectors();
    let array = folder.embed(&format!("{texts} --format npy")).bytes();
    assert_eq!(npy::<f32>(&array), (vec![3, HIDDEN as u64], lines.concat()));
}

#[test]
fn what_is_kept_of_a_vector_has_length_1_where_it_is_asked_for() {
    let folder = Folder::new();
    let whole = folder.embed("'hello world'").vectors().remove(0);
    let kept = folder.embed("'hello world' --dimensions 8").vectors();
    assert_eq!(kept[0], whole[..8]);
    let length = kept[0].iter().map(|it| it * it).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.01, "{length}");
    let of_length_1 = folder.embed("'hello world' --dimensions 8 --normalize");
    for (found, kept) in of_length_1.vectors()[0].iter().zip(&kept[0]) {
        assert!((found - kept / length).abs() < 1e-6, "{found} {kept}");
    }
    let both = folder.embed("'hello world' --normalize --no-normalize");
    assert_eq!(both.code, 2);
}

#[test]
fn a_lower_precision_is_made_of_the_same_numbers() {
    let folder = Folder::new();
    let texts = "'hello world' '' 'the cat and the dog'";
    let full = folder.embed(texts).vectors();
    let as_ints = |precision: &str| -> Vec<Vec<i64>> {
        let lines = folder.embed(&format!("{texts} --precision {precision}"));
        serde_json::from_value(column(&lines.lines(), "embedding")).unwrap()
    };
    let int8: Vec<Vec<i8>> = full.iter().map(|it| to_int8(it)).collect();
    let ubinary: Vec<Vec<u8>> = full.iter().map(|it| to_ubinary(it)).collect();
    let widened = |rows: &[Vec<i8>]| -> Vec<Vec<i64>> {
        let rows = rows.iter().map(|row| row.iter().map(|it| i64::from(*it)));
        rows.map(Iterator::collect).collect()
    };
    assert_eq!(as_ints("int8"), widened(&int8));
    for (full, int8) in full.iter().zip(&int8) {
        let int8: Vec<f32> = int8.iter().map(|it| f32::from(*it)).collect();
        assert!(cosine(full, &int8) > 0.9999, "{}", cosine(full, &int8));
    }
    let bits = as_ints("ubinary");
    for (full, bits) in full.iter().zip(&bits) {
        for (place, value) in full.iter().enumerate() {
            assert_eq!(bits[place / 8] >> (7 - place % 8) & 1 == 1, *value > 0.0);
        }
    }
    let array = |precision: &str| {
        let array = format!("{texts} --precision {precision} --format npy");
        folder.embed(&array).bytes()
    };
    let columns = HIDDEN as u64;
    assert_eq!(npy::<i8>(&array("int8")), (vec![3, columns], int8.concat()));
    let packed = (vec![3, columns.div_ceil(8)], ubinary.concat());
    assert_eq!(npy::<u8>(&array("ubinary")), packed);
    let tokens = folder
        .embed("hello --pooling none --precision ubinary")
        .lines();
    let tokens: Vec<Vec<u8>> = serde_json::from_value(tokens[0]["embedding"].clone()).unwrap();
    assert_eq!(tokens.len(), 3);
}

#[test]
fn without_pooling_there_is_a_vector_per_token() {
    let folder = Folder::new();
    let texts = "'hello world' '' 'the cat and the dog' --pooling none";
    let lines = folder.embed(texts).lines();
    assert_eq!(column(&lines, "tokens"), json!([4, 2, 7]));
    let vectors: Vec<Vec<Vec<f32>>> = serde_json::from_value(column(&lines, "embedding")).unwrap();
    assert_eq!(vectors.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 7]);
    let vectors = vectors.concat();
    assert!(vectors.iter().all(|vector| vector.len() == HIDDEN));

    for (name, offsets) in [("out.npy", "out.offsets.npy"), ("bare", "bare.offsets.npy")] {
        folder
            .embed(&format!("{texts} --format npy --output {name}"))
            .bytes();
        let expected = (vec![13, HIDDEN as u64], vectors.concat());
        assert_eq!(npy::<f32>(&folder.read(name)), expected);
        let expected = (vec![4], vec![0, 4, 6, 13]);
        assert_eq!(npy::<u64>(&folder.read(offsets)), expected);
    }
}

#[test]
fn each_pooling_makes_its_own_vector_of_the_tokens() {
    let folder = Folder::new();
    let lines = folder.embed("'the cat and the dog' --pooling none").lines();
    let tokens: Vec<Vec<f32>> = serde_json::from_value(lines[0]["embedding"].clone()).unwrap();
    let embed = |options: &str| {
        let ended = folder.embed(&format!("'the cat and the dog' {options}"));
        ended.vectors().remove(0)
    };
    assert_eq!(embed("--pooling cls"), tokens[0]);
    assert_eq!(embed("--pooling last"), tokens[6]);
    let column = |c: usize| tokens.iter().map(move |token| token[c]);
    let max: Vec<f32> = (0..HIDDEN)
        .map(|c| column(c).fold(f32::MIN, f32::max))
        .collect();
    assert_eq!(embed("--pooling max"), max);
    let mean = embed("--pooling mean");
    for (c, mean) in mean.iter().enumerate() {
        let expected = column(c).sum::<f32>() / 7.0;
        assert!(
            (mean - expected).abs() < 1e-5,
            "{mean}, expected {expected}"
        );
    }
    assert_eq!(
        embed(""),
        mean,
        "the default, where the model's files say nothing"
    );
}

#[test]
fn the_size_of_a_batch_changes_no_byte() {
    let folder = Folder::new();
    folder.write("input.txt", mixed_lines(60).join("\n"));
    let expected = folder.embed("--input input.txt").bytes();
    for tokens in [1, 7, 100, 8192, 1_000_000] {
        let found = folder.embed(&format!("--input input.txt --batch-tokens {tokens}"));
        assert!(found.bytes() == expected, "--batch-tokens {tokens}");
    }
}

#[test]
fn results_come_in_the_order_of_the_input() {
    let folder = Folder::new();
    // More than two times as many as are embedded at once.
    let input = mixed_lines(2100);
    folder.write("input.txt", input.join("\n") + "\n");
    let lines = folder.embed("--input input.txt").lines();
    assert_eq!(column(&lines, "text"), json!(input));
    assert_eq!(column(&lines, "index"), (0..2100).collect::<Value>());
    for (earlier, later) in lines.iter().zip(&lines[320..]) {
        assert_eq!(earlier["text"], later["text"]);
        assert_eq!(earlier["embedding"], later["embedding"]);
    }
    for place in [0, 1, 39, 1023, 1024, 2047, 2099] {
        let alone = folder.embed(&format!("'{}'", input[place])).vectors();
        assert_eq!(alone[0], vector(&lines[place]), "{place}");
    }
}

#[test]
fn a_model_of_another_task_is_said_to_be_one() {
    let folder = Folder::new();
    let own = |command: &str| format!("{command} --model '{ROOT}/tests/data/spans/bert-tags'");
    for command in ["embed sea", "search sea snow rain"] {
        let ended = folder.run(&own(command));
        assert_eq!(ended.code, 0, "{command}");
        let warning = ended.stderr.strip_prefix("warning: ").unwrap();
        assert!(warning.contains("BertForTokenClassification"), "{warning}");
        assert_eq!(warning.lines().count(), 1, "{warning}");
    }
    folder.run(&own("tag sea")).text();
}

#[test]
fn pairs_are_embedded_together() {
    let folder = Folder::new();
    let model = format!("--model '{ROOT}/tests/data/tasks/prompts'");
    let embed = |options: &str| folder.run(&format!("embed {options} {model}"));
    let alone = embed("'a cat' 'a dog'").vectors();
    let pairs = embed("'a cat' 'a dog' --pair 'it sat'").lines();
    assert_eq!(column(&pairs, "text"), json!(["a cat", "a dog"]));
    assert_eq!(column(&pairs, "pair"), json!(["it sat", "it sat"]));
    assert!(
        pairs
            .iter()
            .zip(&alone)
            .all(|(pair, alone)| vector(pair) != *alone)
    );
    folder.write("pairs.txt", "a cat\tit sat\na dog\tit sat\n");
    let read = embed("--input pairs.txt --pairs");
    assert_eq!(read.lines(), pairs);
    embed("--input pairs.txt --pairs --output out.npy").bytes();
    let (_, values) = npy::<f32>(&folder.read("out.npy"));
    assert_eq!(values, pairs.iter().flat_map(vector).collect::<Vec<_>>());

    let refused = folder.run("embed sea --pair sun --multi --model none");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--multi"), "{}", refused.stderr);
    let refused = folder.run("embed sea --pairs --overflow chunk --model none");
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("--overflow chunk"),
        "{}",
        refused.stderr
    );
    let refused = folder.run("embed sea --pairs --model tiny");
    refused.assert_error(&["text 0 has no tab"]);
    let three = folder.embed("'a\tb\tc' --pairs");
    three.assert_error(&["text 0 has 2 tabs"]);

    let sparse = format!("embed --sparse --model '{ROOT}/tests/data/retrieval/bge-m3'");
    let line = &folder.run(&format!("{sparse} cat --pair dog")).lines()[0];
    let weights = line["sparse"].as_object().unwrap();
    assert!(weights.contains_key("dog") || weights.len() > 1, "{line}");
}

#[test]
fn a_run_of_pairs_goes_on_where_it_ended() {
    let folder = Folder::new();
    let pairs: Vec<String> = (0..300).map(|it| format!("sea {it}\tsun rain")).collect();
    folder.write("in.txt", format!("{}\nrain", pairs.join("\n")));
    let resume = "--input in.txt --pairs --output out.jsonl --resume";
    folder.embed(resume).assert_error(&["text 300 has no tab"]);
    let checkpoint = folder.read("out.jsonl.partial.json");
    let mut checkpoint: Value = serde_json::from_slice(&checkpoint).unwrap();
    assert!(checkpoint["rows"].as_u64() > Some(100), "{checkpoint}");
    let other = "--input in.txt --pair sun --output out.jsonl --resume";
    folder.embed(other).assert_error(&["--pair"]);
    // The same input but for its last line.
    folder.write("in.txt", pairs.join("\n"));
    let hash = twox_hash::XxHash3_128::oneshot(&folder.read("in.txt"));
    checkpoint["origin"]["input"] = format!("{hash:032x}").into();
    folder.write("out.jsonl.partial.json", checkpoint.to_string());
    folder.embed(resume).bytes();
    let whole = folder.embed("--input in.txt --pairs");
    assert!(folder.read("out.jsonl") == whole.bytes());
}
