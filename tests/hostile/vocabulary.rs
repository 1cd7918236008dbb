//! Damage to `vocab.txt`, to `vocab.json` and `merges.txt`, and to the files that say the rest of such a tokenizer.

use serde_json::{Value, json};
use wgformer::verify::Random;

use crate::json::{self, one_of};
use crate::subject::Files;

const SETTINGS: &str = "tokenizer_config.json";

/// Models whose tokenizer is in files of before `tokenizer.json`.
pub(crate) fn without_tokenizer_json(mut files: Files) -> [Files; 2] {
    let tokenizer = files.remove("tokenizer.json").unwrap();
    let tokenizer: Value = serde_json::from_slice(&tokenizer).unwrap();
    let vocabulary = &tokenizer["model"]["vocab"];
    let mut tokens: Vec<(u64, &String)> = vocabulary
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (id.as_u64().unwrap(), token))
        .collect();
    tokens.sort_unstable();
    let lines: String = tokens
        .iter()
        .map(|(_, token)| format!("{token}\n"))
        .collect();

    let mut word_piece = files.clone();
    word_piece.insert("vocab.txt".to_owned(), lines.into_bytes());
    word_piece.insert(SETTINGS.to_owned(), settings("BertTokenizer"));
    let map = json!({ "cls_token": "[CLS]", "sep_token": { "content": "[SEP]", "lstrip": true } });
    word_piece.insert(
        "special_tokens_map.json".to_owned(),
        map.to_string().into_bytes(),
    );
    word_piece.insert("added_tokens.json".to_owned(), b"{\"world\": 30}".to_vec());

    let mut byte_pairs = files;
    let pairs = ["<s>", "</s>", "<unk>", "a", "b", "c", "ab", "l", "e"];
    let pairs: Value = pairs
        .iter()
        .zip(0..)
        .map(|(token, id)| (token.to_string(), Value::from(id)))
        .collect();
    byte_pairs.insert("vocab.json".to_owned(), pairs.to_string().into_bytes());
    byte_pairs.insert("merges.txt".to_owned(), b"#version: 0.2\na b\n".to_vec());
    byte_pairs.insert(SETTINGS.to_owned(), settings("RobertaTokenizer"));
    [word_piece, byte_pairs]
}

fn settings(class: &str) -> Vec<u8> {
    let settings = json!({
        "tokenizer_class": class,
        "do_lower_case": true,
        "strip_accents": null,
        "add_prefix_space": false,
        "additional_special_tokens": ["word"],
    });
    settings.to_string().into_bytes()
}

pub(crate) fn damage(random: &mut Random, files: &mut Files) {
    let names = [
        SETTINGS,
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "special_tokens_map.json",
        "added_tokens.json",
    ];
    let there: Vec<&str> = names
        .into_iter()
        .filter(|name| files.contains_key(*name))
        .collect();
    if there.is_empty() {
        return;
    }
    let name = one_of(random, &there);
    let file = files.get_mut(name).unwrap();
    match random.below(6) {
        0 => drop(files.remove(name)),
        1 => file.extend(one_of(random, MORE).repeat(20_000)),
        2 => json::damage_bytes(random, file),
        3 => file.truncate(random.below(file.len() + 1)),
        _ if name.ends_with("json") => json::damage(random, file),
        _ => {
            let place = random.below(file.len() + 1);
            file.splice(place..place, one_of(random, MORE).iter().copied());
        }
    }
}

/// Lines that are short, empty, no pair, of what is not there, or no text.
const MORE: &[&[u8]] = &[
    b"\n",
    b"a\n",
    b"a b\n",
    b"a  b\n",
    b"x y\n",
    b"ab c\n",
    b"\xff\n",
    b"##\n",
    b"\xe3\x80\x80\n",
    b"\r",
];
