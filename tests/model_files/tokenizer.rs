//! `tokenizer.json`

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use wgformer::text::Tokenizer;

use crate::common;
use crate::generated_model::{POSITIONS, write_json};
use crate::harness::{embed, expect_error, model, parsed, replaced, rows, without};
use crate::sentence_transformers::sentence_transformer;

#[test]
fn a_broken_tokenizer_is_an_error_and_never_a_panic() {
    let (gpu, _turn) = common::gpu();
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        expect_error(row, || embed(&gpu, directory.path()), variant, needles);
    };
    let file = "tokenizer.json";
    attempt("none", without(file), "Io", file);
    for text in [
        "",
        "not a tokenizer",
        "{}",
        "[]",
        "{\"model\":1}",
        &"[".repeat(100_000),
    ] {
        attempt(text, replaced(file, text), "Tokenizer", file);
    }
    attempt("not UTF-8", replaced(file, [0xff; 99]), "Tokenizer", file);

    // It does not know its own unknown token; it panics; and it is fine, but belongs to another model.
    let table = r#"
        /model                  |  "WordPiece"                           |  Tokenizer  |  tokenizer.json
        /model/type             |  "WordPieces"                          |  Tokenizer  |  tokenizer.json
        /model/vocab            |  ["hello"]                             |  Tokenizer  |  tokenizer.json
        /model/vocab/hello      |  -1                                    |  Tokenizer  |  tokenizer.json
        /model/vocab/hello      |  4294967296                            |  Tokenizer  |  tokenizer.json
        /model/unk_token        |  "[NONE]"                              |  Tokenizer  |  tokenizer.json; [UNK]
        /pre_tokenizer          |  {"type": "FixedLength", "length": 0}  |  Tokenizer  |  tokenizer.json; panicked
        /model/vocab/hello      |  5000                                  |  Malformed  |  tokenizer.json; ids; 5000; not below
        /model/vocab/hello      |  4294967295                            |  Malformed  |  tokenizer.json; ids; 4294967295
        /post_processor/single/1/Sequence/type_id  |  2                  |  Malformed  |  tokenizer.json; types; 2; not below
    "#;
    for row in rows::<4>(table) {
        let [pointer, value, variant, needles] = row;
        let directory = model(|model| {
            *model.tokenizer.pointer_mut(pointer).expect(pointer) = parsed(value);
        });
        attempt(&row.join(" "), directory, variant, needles);
    }

    // No room for a text between the special tokens.
    for (max_seq_length, needles) in [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens")] {
        let directory = sentence_transformer(&[(
            "sentence_bert_config.json",
            json!({ "max_seq_length": max_seq_length }),
        )]);
        let needles = format!("{file}; no room; {needles}; 2 special");
        attempt("room", directory, "Tokenizer", &needles);
    }
}

/// As transformers has it: the configuration's side, else the tokenizer's own.
#[test]
fn a_text_is_cut_at_the_side_that_the_files_say() {
    let text = "one two three four five six";
    for (own, configured, kept) in [
        ("Right", None, "one two three"),
        ("Left", None, "four five six"),
        ("Left", Some("right"), "one two three"),
        ("Right", Some("left"), "four five six"),
    ] {
        let directory = model(|model| {
            model.tokenizer["truncation"] = json!({
                "direction": own, "max_length": 4, "strategy": "LongestFirst", "stride": 1,
            });
            let config = configured.map(|side| json!({ "truncation_side": side }));
            model.extra = config
                .map(|it| ("tokenizer_config.json", it))
                .into_iter()
                .collect();
        });
        let tokenizer = Tokenizer::open(directory.path(), 5).unwrap();
        let long = format!("{text} ").repeat(2_000);
        let [cut, longer, whole] = &tokenizer.encode([text, &long, kept]).unwrap()[..] else {
            panic!("three texts");
        };
        assert_eq!(
            (cut.is_cut, &cut.ids),
            (true, &whole.ids),
            "{own} {configured:?}"
        );
        assert_eq!(longer.ids, whole.ids);
    }
    let other = model(|model| {
        model.extra = vec![(
            "tokenizer_config.json",
            json!({ "truncation_side": "middle" }),
        )];
    });
    let open = || Tokenizer::open(other.path(), 5);
    expect_error(
        "middle",
        open,
        "Unsupported",
        "tokenizer_config.json; truncation_side; middle; left, right",
    );
}

/// So many of them, one after another and again.
fn words<'a>(from: &[&'a str], count: usize) -> Vec<&'a str> {
    from.iter().cycle().take(count).copied().collect()
}

/// How many tokens of each text stay, for each length of the first and each of the second.
type Cuts = Vec<Vec<[usize; 2]>>;

/// As Python's tokenizers has it; `tests/data/pairs.py` wrote how much of each text stays.
#[test]
fn pairs_are_cut_to_the_lengths_of_pythons_tokenizers() {
    let json = fs::read("tests/data/pairs-cut.json").unwrap();
    let cuts: BTreeMap<String, BTreeMap<usize, Cuts>> = serde_json::from_slice(&json).unwrap();
    let mut count = 0;
    for (side, by_most) in &cuts {
        let folder = tempfile::tempdir().unwrap();
        let own = Path::new("tests/data/tiny/plain/tokenizer.json");
        fs::copy(own, folder.path().join("tokenizer.json")).unwrap();
        let config = json!({ "truncation_side": side });
        write_json(&folder.path().join("tokenizer_config.json"), &config);
        let whole = Tokenizer::open(folder.path(), 512).unwrap();
        for (most, by_lengths) in by_most {
            let tokenizer = Tokenizer::open(folder.path(), *most).unwrap();
            for (first, row) in (1..).zip(by_lengths) {
                for (second, kept) in (1..).zip(row) {
                    // A letter is a token.
                    let all = [words(&["a", "e", "i"], first), words(&["o", "u"], second)];
                    let part = |text: usize| {
                        let (words, kept) = (&all[text], kept[text]);
                        match &side[..] {
                            "right" => words[..kept].join(" "),
                            _ => words[words.len() - kept..].join(" "),
                        }
                    };
                    let all = [all[0].join(" "), all[1].join(" ")];
                    let found = &tokenizer.encode([(&all[0][..], &all[1][..])]).unwrap()[0];
                    let parts = [part(0), part(1)];
                    let expected = &whole.encode([(&parts[0][..], &parts[1][..])]).unwrap()[0];
                    let name = format!("{side} {most}: {first} and {second}");
                    assert_eq!(found.ids, expected.ids, "{name}");
                    assert_eq!(found.types, expected.types, "{name}");
                    assert_eq!(found.is_cut, first + second + 3 > *most, "{name}");
                    let origins = &tokenizer.encode_with_origins([(&all[0][..], &all[1][..])]);
                    let origins = &origins.as_ref().unwrap()[0];
                    assert_eq!(origins.tokens, *found, "{name}");
                    assert_eq!(origins.origins.len(), found.ids.len(), "{name}");
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 2 * 8 * 13 * 13);
}

#[test]
fn a_tokenizers_own_length_and_padding_do_not_count() {
    let load = |directory: TempDir, max_tokens| {
        Tokenizer::load(&directory.path().join("tokenizer.json"), max_tokens).unwrap()
    };
    let own = model(|model| {
        model.tokenizer["truncation"] = json!({
            "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 1,
        });
        model.tokenizer["padding"] = json!({
            "strategy": { "Fixed": 1_000_000_000_000_u64 }, "direction": "Left",
            "pad_to_multiple_of": 8, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
        });
    });
    let cut = load(own, 6)
        .encode(["one two three four five six", ""])
        .unwrap();
    let plain = load(model(|_| ()), POSITIONS);
    let expected = plain.encode(["one two three four", ""]).unwrap();
    assert!(cut[0].is_cut && !expected[0].is_cut);
    assert_eq!((&cut[0].ids, &cut[1]), (&expected[0].ids, &expected[1]));
    assert_eq!(cut[1].ids, [2, 3], "[CLS] and [SEP]");
}

/// Of a long text only the beginning is looked at, and that changes nothing.
#[test]
fn the_tokens_of_a_long_text_are_its_first_ones() {
    let directory = model(|_| ());
    let path = directory.path().join("tokenizer.json");
    let all = Tokenizer::load(&path, usize::MAX - 8).unwrap();
    let long = "hello words, small dog ".repeat(2_000);
    let (spaces, giant) = (" \n".repeat(40_000), "x".repeat(90_000));
    for max_tokens in [3, 16, 64] {
        let cutting = Tokenizer::load(&path, max_tokens).unwrap();
        for text in [
            long.clone(),
            format!("{spaces}snow"),
            format!("{spaces}{long}"),
            format!("{giant} snow"),
            format!("{giant}{long}"),
            format!("雪🎉 {giant} {long}"),
            String::new(),
        ] {
            let whole = &all.encode([&text]).unwrap()[0];
            let cut = &cutting.encode([&text]).unwrap()[0];
            let kept = whole.ids.len().min(max_tokens);
            assert_eq!(cut.ids[..kept - 1], whole.ids[..kept - 1]);
            assert_eq!(cut.ids[kept - 1], whole.ids[whole.ids.len() - 1]);
            assert_eq!(cut.is_cut, whole.ids.len() > max_tokens);
            let with_origins = &cutting.encode_with_origins([&text]).unwrap()[0];
            assert_eq!(with_origins.tokens, *cut);
        }
    }
}
