//! The nastiest cases that are known, tried every time. Each is or was able to do harm, or is a step away from one.

use serde_json::{Value, json};

use crate::generated_model::HIDDEN;
use crate::subject::{Files, Subject};
use crate::{config, json, sentence_transformers, torch, weights};

const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

/// Files, and what must come of them.
struct Case {
    name: String,
    files: Files,
    /// The error's variant, or `fine`.
    outcome: &'static str,
    /// What the error's text must hold.
    needles: Vec<String>,
}

#[test]
fn known_cases() {
    let mut subject = Subject::new("known");
    let intact = subject.files(&sentence_transformers::model());
    let wide = Case {
        name: "wide".into(),
        // 12 MB that contradict nothing, and an activation of 2 GiB for the longest text.
        files: subject.files(&config::sized(HIDDEN, 8192, 65_536)),
        outcome: "Limit",
        needles: vec!["65536 tokens".into()],
    };
    let cases = [
        headers(&intact),
        small_files(&intact),
        tokenizers(&intact),
        pickles(&intact),
        vec![wide],
    ];
    for case in cases.into_iter().flatten() {
        let (outcome, text) = subject.attempt_for_text(&case.name, &case.files);
        assert_eq!(outcome, case.outcome, "{}: {text}", case.name);
        for needle in &case.needles {
            assert!(text.contains(needle), "{}: {text}", case.name);
        }
    }
}

/// Safetensors files with more tensors than there are, after those that are there.
fn headers(intact: &Files) -> Vec<Case> {
    let (header, data) = weights::split(&intact[WEIGHTS]).unwrap();
    let end = data.len() as u64;
    let tensor = |dtype: &str, shape: [u64; 2], start: u64, end: u64| {
        json!({ "more": { "dtype": dtype, "shape": shape, "data_offsets": [start, end] } })
            .to_string()
    };
    let rows = [
        (tensor("F32", [0, 1 << 60], end, end), "fine", ""),
        // The end of the last plus the length of the header is more than 64 bits count.
        (
            Value::Object(weights::tensors_up_to(end, u64::MAX - 8)).to_string(),
            "Malformed",
            "fill the file",
        ),
        (
            tensor("U8", [1 << 32, 1 << 32], end, end),
            "Malformed",
            "overflow",
        ),
        (
            tensor("F32", [1 << 61, 2], end, u64::MAX),
            "Malformed",
            "overflow",
        ),
        (tensor("U8", [1, 4], 0, 4), "Malformed", "header"),
        (tensor("U8", [1, 4], end, end - 4), "Malformed", "header"),
        (tensor("F4", [1, 1], end, end), "Malformed", "header"),
        ("{\"a\":".repeat(100_000), "Malformed", "recursion"),
    ];
    let header = String::from_utf8_lossy(header).into_owned();
    let header = header.trim_end().strip_suffix('}').unwrap();
    let case = |(fields, outcome, needle): (String, _, _)| {
        let header = format!("{header},{}", fields.trim_start_matches('{'));
        let file = weights::joined(header.as_bytes(), data);
        case(intact, WEIGHTS, file, outcome, needle)
    };
    rows.into_iter().map(case).collect()
}

/// The JSON files but the tokenizer's.
fn small_files(intact: &Files) -> Vec<Case> {
    let deep = "{\"a\":".repeat(100_000);
    let deep = |file| case(intact, file, deep.as_str(), "Malformed", "line 1");
    let with = |file, json: &str, outcome, needle| case(intact, file, json, outcome, needle);
    let (pooling, limits) = ("1_Pooling/config.json", "sentence_bert_config.json");
    vec![
        deep("config.json"),
        deep("modules.json"),
        deep(pooling),
        deep(limits),
        with(
            pooling,
            r#"{"pooling_mode":"mean","embedding_dimension":384}"#,
            "Malformed",
            "384",
        ),
        with(
            limits,
            r#"{"max_seq_length":18446744073709551615}"#,
            "fine",
            "",
        ),
        with(
            limits,
            r#"{"max_seq_length":18446744073709551616}"#,
            "Malformed",
            "line 1",
        ),
    ]
}

/// Checkpoints of torch's whose pickle makes much of little, or goes round in circles.
fn pickles(intact: &Files) -> Vec<Case> {
    let mut without = intact.clone();
    without.remove(WEIGHTS);
    // It says that there are as many entries as it can say.
    let ends = [b"PK\x03\x04PK\x05\x06", &[0; 4][..], &[0xff; 4], &[0; 10]].concat();
    let tuples = b"N".repeat(1_000_000);
    let rows: [(&[u8], &str); 8] = [
        (&b"(".repeat(1_000_000), "65536 parts"),
        (&b")".repeat(1_000_000), "65536 parts"),
        (&b"}0".repeat(1_000_000), "opcode 0x30"),
        (&[&b"("[..], &tuples].concat(), "65536 parts"),
        (
            &[&b"("[..], &tuples[..17], b"t"].concat(),
            "more than 16 values",
        ),
        // A tuple in a tuple, and so on; each again under another name; a dictionary that holds itself.
        (
            &[&b")"[..], &b"\x85".repeat(1_000_000)].concat(),
            "65536 parts",
        ),
        (&b"}q\x00X\x01\x00\x00\x00ah\x00s)R"[..], "calls a function"),
        (b"X\xff\xff\xff\xff", "cut off"),
    ];
    let case = |(pickle, needle): (&[u8], &'static str)| {
        let file = torch::with_pickle(pickle);
        case(&without, "pytorch_model.bin", file, "Malformed", needle)
    };
    let mut cases: Vec<Case> = rows.into_iter().map(case).collect();
    cases.push(self::case(
        &without,
        "pytorch_model.bin",
        ends,
        "Malformed",
        "data.pkl",
    ));
    cases
}

/// What the tokenizer crate does as it is told, or panics at.
fn tokenizers(intact: &Files) -> Vec<Case> {
    let sixteen = |list: &str, part: &str| {
        format!(
            r#"{{"type":"Sequence","{list}":[{}]}}"#,
            [part; 16].join(",")
        )
    };
    let normalizers = |part: &str| sixteen("normalizers", part);
    let double = r#"{"type":"Replace","pattern":{"String":"l"},"content":"ll"}"#;
    let untyped = r#"{"pattern":{"String":"l"},"content":"ll"}"#;
    let insert = r#"{"type":"Replace","pattern":{"Regex":""},"content":"l"}"#;
    let bytes =
        r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"#;
    let largest = r#"{"type":"Replace","pattern":{"Regex":"(\\w{60}){60}"},"content":""}"#;
    let charsmap = r#"{"type":"Precompiled","precompiled_charsmap":"/////w=="}"#;
    let rows = [
        ("/normalizer", charsmap.into(), "4294967295 bytes"),
        ("/normalizer", normalizers(double), "65536 times longer"),
        (
            "/normalizer",
            normalizers(&normalizers(double)),
            "times longer",
        ),
        ("/normalizer", normalizers(untyped), "times longer"),
        ("/normalizer", normalizers(insert), "times longer"),
        ("/normalizer", normalizers(bytes), "times longer"),
        (
            "/pre_tokenizer",
            sixteen("pretokenizers", bytes),
            "times longer",
        ),
        ("/normalizer", largest.into(), "43200 letters"),
        ("/decoder", largest.into(), "43200 letters"),
        ("/post_processor", template(1000), "1000 times"),
        (
            "/pre_tokenizer",
            r#"{"type":"FixedLength","length":0}"#.into(),
            "panicked",
        ),
    ];
    let tokenizer: Value = serde_json::from_slice(&intact[TOKENIZER]).unwrap();
    let case = |(pointer, part, needle): (_, String, _)| {
        let file = json::replace_at(tokenizer.clone(), pointer, &part);
        case(intact, TOKENIZER, file, "Tokenizer", needle)
    };
    rows.into_iter().map(case).collect()
}

/// A post-processor that has the text `times` times.
fn template(times: usize) -> String {
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    json!({ "type": "TemplateProcessing", "single": vec![text; times], "pair": [], "special_tokens": {} })
        .to_string()
}

/// A model one of whose files is replaced: an error must name it.
fn case(
    intact: &Files,
    file: &str,
    bytes: impl Into<Vec<u8>>,
    outcome: &'static str,
    needle: &str,
) -> Case {
    let mut files = intact.clone();
    let name = format!("{file}: {needle}");
    files.insert(file.to_owned(), bytes.into());
    let needles = match outcome {
        "fine" => vec![],
        _ => file.split('/').chain([needle]).map(str::to_owned).collect(),
    };
    Case {
        name,
        files,
        outcome,
        needles,
    }
}
