//! Entities of texts and answers to questions, against the pipelines of Hugging Face transformers, whose results
//! `tests/data/span_models.py` wrote.

mod common;

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wgformer::models::ModelOptions;
use wgformer::plan::Control;
use wgformer::tasks::{Aggregation, Answer, AnswerOptions, Answerer, Entity, TagOptions, Tagger};
use wgformer::text::{Encoding, Text, Tokenizer};
use wgformer::{Error, Gpu};

/// The largest difference of scores from what Hugging Face computes.
const BOUND: f32 = 5e-4;

const FAMILIES: [&str; 2] = ["bert", "roberta"];

fn folder(family: &str, kind: &str) -> PathBuf {
    PathBuf::from(format!("tests/data/spans/{family}-{kind}"))
}

fn expected<T: DeserializeOwned>(family: &str, kind: &str, key: &str) -> Vec<T> {
    let json = std::fs::read(folder(family, kind).join("expected.json")).unwrap();
    let mut json: Value = serde_json::from_slice(&json).unwrap();
    let rows: Vec<T> = serde_json::from_value(json[key].take()).unwrap();
    assert!(!rows.is_empty(), "{family}-{kind} has no {key}");
    rows
}

fn tagger(gpu: &Gpu, family: &str) -> Tagger {
    Tagger::load(gpu, folder(family, "tags"), &ModelOptions::default()).unwrap()
}

fn answerer(gpu: &Gpu, family: &str) -> Answerer {
    Answerer::load(gpu, folder(family, "answers"), &ModelOptions::default()).unwrap()
}

/// The characters of a text, as Python slices it.
fn slice(text: &str, start: usize, end: usize) -> String {
    text.chars().skip(start).take(end - start).collect()
}

#[derive(Deserialize)]
struct ExpectedEncoding {
    text: Vec<String>,
    ids: Vec<u32>,
    offsets: Vec<(usize, usize)>,
    special_tokens_mask: Vec<u8>,
    word_ids: Vec<Option<u32>>,
    sequence_ids: Vec<Option<usize>>,
}

#[test]
fn tokens_come_from_where_transformers_says() {
    for family in FAMILIES {
        let path = folder(family, "tags").join("tokenizer.json");
        let tokenizer = Tokenizer::load(&path, 64).unwrap();
        for row in expected::<ExpectedEncoding>(family, "tags", "encodings") {
            let text = match &row.text[..] {
                [text] => Text::One(text),
                [first, second] => Text::Pair(first, second),
                other => panic!("{other:?}"),
            };
            let Encoding {
                tokens, origins, ..
            } = tokenizer.encode_with_origins([text]).unwrap().remove(0);
            assert_eq!(tokens.ids, row.ids, "{text:?}");
            assert_eq!(tokenizer.encode([text]).unwrap(), [tokens], "{text:?}");
            let offsets: Vec<_> = origins.iter().map(|it| (it.start, it.end)).collect();
            assert_eq!(offsets, row.offsets, "{text:?}");
            let mask: Vec<u8> = origins.iter().map(|it| it.is_special.into()).collect();
            assert_eq!(mask, row.special_tokens_mask, "{text:?}");
            let words: Vec<_> = origins.iter().map(|it| it.word_id).collect();
            assert_eq!(words, row.word_ids, "{text:?}");
            let sequences: Vec<_> = origins.iter().map(|it| it.sequence_id).collect();
            assert_eq!(sequences, row.sequence_ids, "{text:?}");
        }
    }
}

/// Label, start, end, score.
type ExpectedEntity = (String, usize, usize, f32);

#[derive(Deserialize)]
struct ExpectedEntities {
    text: String,
    ignore_labels: Option<Vec<String>>,
    none: Option<Vec<ExpectedEntity>>,
    simple: Option<Vec<ExpectedEntity>>,
    first: Option<Vec<ExpectedEntity>>,
    average: Option<Vec<ExpectedEntity>>,
    max: Option<Vec<ExpectedEntity>>,
    stride: Option<usize>,
}

#[test]
fn entities_are_those_of_transformers() {
    are_entities_of("entities");
}

#[test]
fn entities_of_parts_that_overlap_are_those_of_transformers() {
    are_entities_of("strides");
}

fn are_entities_of(key: &str) {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let tagger = tagger(&gpu, family);
        for row in expected::<ExpectedEntities>(family, "tags", key) {
            for (aggregation, entities) in [
                (Aggregation::None, &row.none),
                (Aggregation::Simple, &row.simple),
                (Aggregation::First, &row.first),
                (Aggregation::Average, &row.average),
                (Aggregation::Max, &row.max),
            ] {
                let Some(entities) = entities else { continue };
                let mut options = TagOptions::default().aggregation(aggregation);
                if let Some(ignored) = row.ignore_labels.clone() {
                    options = options.ignore_labels(ignored);
                }
                if let Some(stride) = row.stride {
                    options = options.stride(stride);
                }
                let found = tagger.tag([&row.text], &options).unwrap().remove(0);
                let (text, stride) = (&row.text, row.stride);
                let case = format!("{family}, {aggregation:?}, stride {stride:?}, {text:?}");
                assert_entities(&found, entities, &row.text, &case);
            }
        }
    }
}

fn assert_entities(found: &[Entity], expected: &[ExpectedEntity], text: &str, case: &str) {
    assert_eq!(found.len(), expected.len(), "{case}: {found:?}");
    for (found, (label, start, end, score)) in found.iter().zip(expected) {
        let place = (&found.label, found.start, found.end);
        assert_eq!(place, (label, *start, *end), "{case}");
        assert_eq!(found.text, slice(text, *start, *end), "{case}");
        let difference = (found.score - score).abs();
        assert!(difference <= BOUND, "{case}: {found:?} is not {score}");
    }
}

#[derive(Deserialize)]
struct ExpectedOfPair {
    text: [String; 2],
    none: Vec<EntityOfPair>,
    simple: Vec<EntityOfPair>,
    first: Vec<EntityOfPair>,
    average: Vec<EntityOfPair>,
    max: Vec<EntityOfPair>,
}

/// The text that it is of, label, start, end, score.
type EntityOfPair = (usize, String, usize, usize, f32);

/// The pipeline takes no pairs; `tests/data/span_models.py` gives it the model's logits for each text of one.
#[test]
fn entities_of_pairs_are_those_of_both_texts_read_together() {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let tagger = tagger(&gpu, family);
        let mut together = Vec::new();
        for row in expected::<ExpectedOfPair>(family, "tags", "pairs") {
            let pair = (&row.text[0][..], &row.text[1][..]);
            for (aggregation, entities) in [
                (Aggregation::None, &row.none),
                (Aggregation::Simple, &row.simple),
                (Aggregation::First, &row.first),
                (Aggregation::Average, &row.average),
                (Aggregation::Max, &row.max),
            ] {
                let options = TagOptions::default().aggregation(aggregation);
                let options = options.ignore_labels::<String>([]);
                let found = tagger.tag([pair], &options).unwrap().remove(0);
                let case = format!("{family}, {aggregation:?}, {pair:?}");
                for (sequence, text) in row.text.iter().enumerate() {
                    let of = |it: &&Entity| it.sequence == sequence;
                    let found: Vec<Entity> = found.iter().filter(of).cloned().collect();
                    let expected = entities.iter().filter(|it| it.0 == sequence);
                    let expected = expected.cloned().map(|it| (it.1, it.2, it.3, it.4));
                    let expected: Vec<ExpectedEntity> = expected.collect();
                    assert_entities(&found, &expected, text, &case);
                }
                assert!(found.is_sorted_by_key(|it| it.sequence), "{case}");
            }
            together.push(row.text);
        }
        let cut = together.iter().map(|[a, b]| (&a[..], &b[..]));
        let cut = tagger.are_cut(cut).unwrap();
        assert_eq!(cut, [false, false, false, false, true, true], "{family}");
        let is_alone = tagger.tag([&together[3][0]], &TagOptions::default());
        let pair = (&together[3][0][..], "");
        let with_nothing = tagger.tag([pair], &TagOptions::default());
        assert_eq!(is_alone.unwrap(), with_nothing.unwrap());
        let error = tagger.tag([("a", "b")], &TagOptions::default().stride(3));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("stride") && error.contains("pair"),
            "{error}"
        );
        let refusing = tagger.refuse_long_texts(true);
        let pairs = together.iter().map(|[a, b]| (&a[..], &b[..]));
        let error = refusing.tag(pairs, &TagOptions::default()).unwrap_err();
        assert!(matches!(error, Error::TooLong { index: 4, .. }), "{error}");
    }
}

/// As transformers' pipeline with such a tokenizer.
#[test]
fn of_a_long_text_the_end_is_tagged_where_the_tokenizer_cuts_the_beginning() {
    let (gpu, _turn) = common::gpu();
    let directory = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(
            folder("bert", "tags").join(file),
            directory.path().join(file),
        )
        .unwrap();
    }
    let config = r#"{"truncation_side": "left", "model_max_length": 64}"#;
    std::fs::write(directory.path().join("tokenizer_config.json"), config).unwrap();
    let tagger = Tagger::load(&gpu, directory.path(), &ModelOptions::default()).unwrap();
    let words = "the cat met the dog and ".repeat(40); // a token each
    let all = TagOptions::default().ignore_labels::<String>([]);
    let all = all.aggregation(Aggregation::None);
    let found = tagger.tag([&words], &all).unwrap().remove(0);
    let tail: Vec<&str> = words.split_whitespace().rev().take(62).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    let alone = tagger.tag([&tail.join(" ")], &all).unwrap().remove(0);
    let shown = |found: &[Entity]| {
        let shown = found.iter().map(|it| (it.label.clone(), it.text.clone()));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(shown(&found), shown(&alone));
    assert_eq!(found.len(), 62);
    assert_eq!(found[61].end, words.trim_end().len());
}

#[test]
fn texts_that_are_tagged_together_are_as_alone() {
    let (gpu, _turn) = common::gpu();
    let tagger = tagger(&gpu, "bert");
    let texts = [
        "Ada met 李白 💖.",
        "",
        "a cat and a dog and a train to London",
        " ",
    ];
    let options = TagOptions::default().ignore_labels::<String>([]);
    let mut told = Vec::new();
    let control = Control::new().progress(|now| told.push((now.done, now.total)));
    let together = tagger.tag_with(texts, &options, control).unwrap();
    assert_eq!(told.last(), Some(&(4, 4)));
    for (text, together) in texts.iter().zip(&together) {
        assert_eq!(&tagger.tag([text], &options).unwrap()[0], together);
    }
    assert!(!together[0].is_empty() && together[1].is_empty());
    let none: [&str; 0] = [];
    assert!(tagger.tag(none, &options).unwrap().is_empty());
}

#[test]
fn each_token_of_a_long_text_is_tagged_once_by_the_surest_of_its_parts() {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let tagger = tagger(&gpu, family);
        let text = "The cat saw 💖 in London, don't-know-who. ".repeat(8);
        let path = folder(family, "tags").join("tokenizer.json");
        let whole = Tokenizer::load(&path, 10_000).unwrap();
        let origins = &whole.encode_with_origins([&text]).unwrap()[0].origins;
        let ordinary = origins.iter().filter(|origin| !origin.is_special);
        let places: Vec<_> = ordinary.map(|it| (it.start, it.end)).collect();
        assert!(places.len() > 3 * 64);

        let all = TagOptions::default().ignore_labels::<String>([]);
        let all = all.aggregation(Aggregation::None);
        let tag = |stride| tagger.tag([&text], &all.clone().stride(stride)).unwrap();
        let [apart, overlapping] = [0, 30].map(|stride| tag(stride).remove(0));
        for found in [&apart, &overlapping] {
            let found: Vec<_> = found.iter().map(|it| (it.start, it.end)).collect();
            assert_eq!(found, places, "{family}");
        }
        // The first part is the same, its end is surer in the next one, or as it was.
        let both = apart[..62].iter().zip(&overlapping);
        for (apart, overlapping) in both.clone() {
            assert!(
                overlapping.score >= apart.score,
                "{family}: {overlapping:?}"
            );
        }
        assert!(both.into_iter().any(|(a, b)| a.score < b.score), "{family}");
    }
}

#[test]
fn an_entity_says_which_words_it_has() {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let tagger = tagger(&gpu, family);
        let text = "Ada Lovelace met C. Babbage in London, don't you know? ".repeat(4);
        let path = folder(family, "tags").join("tokenizer.json");
        let whole = Tokenizer::load(&path, 10_000).unwrap();
        let origins = &whole.encode_with_origins([&text]).unwrap()[0].origins;
        let word = |is_it: &dyn Fn(usize, usize) -> bool| {
            let origin = origins
                .iter()
                .find(|it| !it.is_special && is_it(it.start, it.end));
            origin.unwrap().word_id.unwrap() as usize
        };
        let options = TagOptions::default().ignore_labels::<String>([]).stride(9);
        let entities = &tagger.tag([&text], &options).unwrap()[0];
        assert!(
            entities
                .iter()
                .any(|it| it.words.clone().unwrap().len() > 1)
        );
        for entity in entities {
            let first = word(&|start, _| start == entity.start);
            let last = word(&|_, end| end == entity.end);
            assert_eq!(entity.words, Some(first..last + 1), "{family}: {entity:?}");
        }
    }
}

#[test]
fn a_stride_that_leaves_no_room_is_an_error() {
    let (gpu, _turn) = common::gpu();
    let tagger = tagger(&gpu, "bert");
    let long = "cat ".repeat(100);
    for stride in [62, usize::MAX] {
        let options = TagOptions::default().stride(stride);
        let error = tagger.tag(["cat", &long], &options).unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error}");
        assert!(error.to_string().contains("stride"), "{error}");
        assert_eq!(tagger.tag(["cat"], &options).unwrap().len(), 1);
    }
}

#[derive(Deserialize)]
struct ExpectedAnswers {
    question: String,
    context: String,
    options: Options,
    /// Text, start, end, score.
    answers: Vec<(String, usize, usize, f32)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    top_k: Option<usize>,
    max_answer_len: Option<usize>,
    max_seq_len: Option<usize>,
    doc_stride: Option<usize>,
    handle_impossible_answer: Option<bool>,
    align_to_words: Option<bool>,
}

impl Options {
    fn options(&self) -> AnswerOptions {
        let mut options = AnswerOptions::default();
        if let Some(top_k) = self.top_k {
            options = options.top_k(top_k);
        }
        if let Some(max_answer_len) = self.max_answer_len {
            options = options.max_answer_len(max_answer_len);
        }
        if let Some(max_seq_len) = self.max_seq_len {
            options = options.max_seq_len(max_seq_len);
        }
        if let Some(doc_stride) = self.doc_stride {
            options = options.doc_stride(doc_stride);
        }
        if let Some(handle_impossible_answer) = self.handle_impossible_answer {
            options = options.handle_impossible_answer(handle_impossible_answer);
        }
        if let Some(align_to_words) = self.align_to_words {
            options = options.align_to_words(align_to_words);
        }
        options
    }
}

#[test]
fn answers_are_those_of_transformers() {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let answerer = answerer(&gpu, family);
        for row in expected::<ExpectedAnswers>(family, "answers", "answers") {
            let question = (&row.question[..], &row.context[..]);
            let found = answerer.answer([question], &row.options.options());
            let found = found.unwrap().remove(0);
            let case = format!("{family}, {question:?}");
            assert_eq!(found.len(), row.answers.len(), "{case}: {found:?}");
            for (found, (text, start, end, score)) in found.iter().zip(&row.answers) {
                let answer = (&found.text, found.start, found.end);
                assert_eq!(answer, (text, *start, *end), "{case}");
                let difference = (found.score - score).abs();
                assert!(difference <= BOUND, "{case}: {found:?} is not {score}");
            }
        }
    }
}

#[test]
fn questions_that_are_answered_together_are_as_alone() {
    let (gpu, _turn) = common::gpu();
    let answerer = answerer(&gpu, "roberta");
    let long = "the cat and the dog went to London, ".repeat(400);
    let questions = [
        ("Who met Ada?", "Ada met 李白 💖 in London."),
        ("Who?", &long), // more parts than are run at once
        ("", "a cat"),
    ];
    let options = AnswerOptions::default().top_k(3);
    let options = options.max_seq_len(40).doc_stride(15);
    let mut told = Vec::new();
    let control = Control::new().progress(|now| told.push((now.done, now.total)));
    let together = answerer.answer_with(questions, &options, control).unwrap();
    let (done, total) = told.last().unwrap();
    assert!(done == total && *total > 512, "{done} of {total}");
    assert!(told.is_sorted(), "{told:?}");
    for (question, together) in questions.iter().zip(&together) {
        assert_eq!(
            &answerer.answer([*question], &options).unwrap()[0],
            together
        );
        assert_eq!(together.len(), 3, "{question:?}");
    }
}

#[test]
fn there_is_no_answer_where_there_is_no_context() {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let answerer = answerer(&gpu, family);
        let questions = [("Who?", ""), ("", "")];
        let options = AnswerOptions::default().top_k(2);
        let none = answerer.answer(questions, &options).unwrap();
        assert_eq!(none, [Vec::<Answer>::new(), Vec::new()], "{family}");
        let options = options.handle_impossible_answer(true);
        for answers in answerer.answer(questions, &options).unwrap() {
            let answers: Vec<_> = answers.iter().map(|it| (&it.text[..], it.score)).collect();
            assert_eq!(answers, [("", 1.0)], "{family}");
        }
    }
}

#[test]
fn a_question_longer_than_the_model_is_an_error_that_names_it() {
    let (gpu, _turn) = common::gpu();
    for family in FAMILIES {
        let answerer = answerer(&gpu, family);
        let long = "what ".repeat(100);
        for (context, options) in [
            ("Ada met Charles.", AnswerOptions::default()),
            ("", AnswerOptions::default()),
            (
                "Ada met Charles.",
                AnswerOptions::default().max_seq_len(usize::MAX),
            ),
            (
                "Ada met Charles.",
                AnswerOptions::default().doc_stride(usize::MAX),
            ),
        ] {
            let questions = [("Who?", "Ada"), (&long, context)];
            let error = answerer.answer(questions, &options).unwrap_err();
            assert!(matches!(error, Error::Limit { .. }), "{error}");
            let error = error.to_string();
            for needle in ["question 1", "tokens", "shorter question"] {
                assert!(error.contains(needle), "{error}");
            }
        }
        // An overlap that is too large matters only where there are several parts.
        let options = AnswerOptions::default().doc_stride(usize::MAX);
        assert_eq!(
            answerer.answer([("Who?", "Ada")], &options).unwrap()[0].len(),
            1
        );
        let options = AnswerOptions::default().top_k(0).max_answer_len(0);
        assert!(answerer.answer([("Who?", "Ada")], &options).unwrap()[0].is_empty());
    }
}

#[test]
fn a_checkpoint_without_the_head_says_what_is_missing() {
    let (gpu, _turn) = common::gpu();
    let options = ModelOptions::default();
    let error = Tagger::load(&gpu, folder("bert", "answers"), &options).unwrap_err();
    assert!(
        error.to_string().contains("\"classifier.weight\""),
        "{error}"
    );
    let error = Answerer::load(&gpu, folder("bert", "tags"), &options).unwrap_err();
    assert!(
        error.to_string().contains("\"qa_outputs.weight\""),
        "{error}"
    );
}
