//! Tokenizers without `tokenizer.json`, against transformers, whose tokens `tests/data/vocabularies.py` wrote.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use wgformer::text::{Text, Tokenizer};

use crate::common;
use crate::generated_model::write_json;
use crate::harness::{embed, expect_error, model, rows, without};

#[derive(Deserialize)]
struct Expected {
    text: OneOrTwo,
    ids: Vec<u32>,
    types: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrTwo {
    One(String),
    Two(String, String),
}

impl OneOrTwo {
    fn text(&self) -> Text<'_> {
        match self {
            Self::One(text) => Text::One(text),
            Self::Two(first, second) => Text::Pair(first, second),
        }
    }
}

fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/data/vocabularies").unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_tokens_are_those_of_transformers() {
    let folders = folders();
    assert!(folders.len() > 10, "{folders:?}");
    for folder in folders {
        let tokenizer = Tokenizer::open(&folder, 512).unwrap();
        let expected = fs::read(folder.join("expected.json")).unwrap();
        let expected: Vec<Expected> = serde_json::from_slice(&expected).unwrap();
        for Expected { text, ids, types } in expected {
            let found = &tokenizer.encode([text.text()]).unwrap()[0];
            let place = folder.display();
            assert_eq!(
                (&found.ids, &found.types),
                (&ids, &types),
                "{place}: {text:?}"
            );
        }
    }
}

/// A tiny model with the vocabulary of its tokenizer in a file of its own.
fn with_vocabulary() -> TempDir {
    let directory = model(|_| ());
    let path = directory.path().join("tokenizer.json");
    let tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap();
    let mut tokens: Vec<(u64, &str)> = vocabulary
        .iter()
        .map(|(token, id)| (id.as_u64().unwrap(), &token[..]))
        .collect();
    tokens.sort_unstable();
    let lines: String = tokens
        .iter()
        .map(|(_, token)| format!("{token}\n"))
        .collect();
    fs::write(directory.path().join("vocab.txt"), lines).unwrap();
    let settings = json!({ "do_lower_case": false, "strip_accents": false });
    write_json(&directory.path().join("tokenizer_config.json"), &settings);
    directory
}

#[test]
fn a_model_runs_without_tokenizer_json() {
    let (gpu, _turn) = common::gpu();
    let directory = with_vocabulary();
    let expected = embed(&gpu, directory.path()).unwrap();
    fs::remove_file(directory.path().join("tokenizer.json")).unwrap();
    assert_eq!(embed(&gpu, directory.path()).unwrap(), expected);
}

#[test]
fn tokenizer_files_that_do_not_do_are_named_with_what_would() {
    let (gpu, _turn) = common::gpu();
    // A file that replaces or joins those of a model with `vocab.txt`.
    let table = r#"
        vocab.txt                |  hello                                     |  Tokenizer    |  vocab.txt; cls_token "[CLS]"
        vocab.txt                |                                            |  Tokenizer    |  vocab.txt; cls_token
        special_tokens_map.json  |  {"sep_token": "</s>"}                     |  Tokenizer    |  vocab.txt; sep_token "</s>"
        special_tokens_map.json  |  {"sep_token": 7}                          |  Tokenizer    |  vocab.txt; token; 7
        special_tokens_map.json  |  []                                        |  Malformed    |  special_tokens_map.json
        tokenizer_config.json    |  {"do_lower_case": "no"}                   |  Malformed    |  tokenizer_config.json
        tokenizer_config.json    |  {"added_tokens_decoder": {"0": 1}}        |  Tokenizer    |  vocab.txt; token; 1
        tokenizer_config.json    |  {"tokenizer_class": "BertJapaneseTokenizer"}  |  Unsupported  |  tokenizer_config.json; BertJapaneseTokenizer; MPNetTokenizer; tokenizer.json; save_pretrained
        tokenizer_config.json    |  {"tokenizer_class": "RobertaTokenizer"}   |  Io           |  merges.txt
    "#;
    for [file, text, variant, needles] in rows(table) {
        let directory = with_vocabulary();
        fs::remove_file(directory.path().join("tokenizer.json")).unwrap();
        fs::write(directory.path().join(file), text).unwrap();
        expect_error(text, || embed(&gpu, directory.path()), variant, needles);
    }
    let open = |directory: &Path| Tokenizer::open(directory, 512);
    let bytes = |file: &str, bytes: &[u8]| {
        let directory = tempfile::tempdir().unwrap();
        let published = Path::new("tests/data/vocabularies/roberta");
        for name in ["vocab.json", "merges.txt"] {
            fs::copy(published.join(name), directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join(file), bytes).unwrap();
        directory
    };
    for (file, text, variant, needles) in [
        (
            "merges.txt",
            &b"a b c\n"[..],
            "Tokenizer",
            "vocab.json; \"a b c\"; merges.txt",
        ),
        ("merges.txt", b"\xff", "Malformed", "merges.txt; UTF-8"),
        (
            "merges.txt",
            b"nobody knows\n",
            "Tokenizer",
            "vocab.json; nobody",
        ),
        (
            "vocab.json",
            b"{\"<s>\": -1}",
            "Tokenizer",
            "vocab.json; line 1",
        ),
        ("vocab.json", b"{}", "Tokenizer", "vocab.json"),
    ] {
        let directory = bytes(file, text);
        expect_error(needles, || open(directory.path()), variant, needles);
    }
    for file in ["sentencepiece.bpe.model", "spiece.model", "spm.model"] {
        let directory = without("tokenizer.json");
        fs::write(directory.path().join(file), b"\n").unwrap();
        let needles = format!("{file}; tokenizer.json; save_pretrained");
        expect_error(
            file,
            || embed(&gpu, directory.path()),
            "Unsupported",
            &needles,
        );
    }
}
