//! What tasks give against transformers' pipelines and sentence-transformers, whose results `tests/data/tasks.py` wrote.

mod common;
#[path = "common/results.rs"]
mod results;

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use results::{is_near, list, strings};
use serde_json::Value;
use wgformer::models::ModelOptions;
use wgformer::plan::Control;
use wgformer::tasks::{
    AnswerOptions, Answerer, Classifier, Embedder, EmbedderOptions, Filler, Filling, Label,
    LateInteraction, Reranker, Side, SparseEmbedder, TagOptions, Tagger, ZeroShot, ZeroShotOptions,
};
use wgformer::{Error, Gpu};

fn folder(name: &str) -> PathBuf {
    Path::new("tests/data/tasks").join(name)
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The same labels in the same order, with the same scores.
fn are_labels(found: &[Label], expected: &Value, what: &str) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.label, expected["label"], "{what}: {found:?}");
        is_near(found.score, &expected["score"], what);
    }
}

#[test]
fn classifiers_give_what_the_pipeline_gives() {
    let (gpu, _turn) = common::gpu();
    for name in ["sentiment", "many-labels", "one-label", "regression"] {
        let expected = expected(name);
        let classifier = Classifier::load(&gpu, folder(name), &ModelOptions::default()).unwrap();
        let texts = strings(&expected["texts"]);
        let labels = classifier.classify(&texts).unwrap();
        places_are_those_of(classifier.labels(), &labels);
        for ((text, labels), expected) in texts.iter().zip(&labels).zip(list(&expected["labels"])) {
            are_labels(labels, expected, &format!("{name}, {text:?}"));
        }
        let pairs: Vec<Vec<String>> = list(&expected["pairs"]).iter().map(strings).collect();
        let texts = pairs.iter().map(|pair| (&pair[0][..], &pair[1][..]));
        let labels = classifier.classify(texts).unwrap();
        for ((pair, labels), expected) in pairs
            .iter()
            .zip(&labels)
            .zip(list(&expected["labels_of_pairs"]))
        {
            are_labels(labels, expected, &format!("{name}, {pair:?}"));
        }
    }
}

fn places_are_those_of(names: &[String], found: &[Vec<Label>]) {
    for label in found.iter().flatten() {
        assert_eq!(names[label.index], label.label);
    }
}

#[test]
fn any_labels_are_told_apart_as_by_the_pipeline() {
    let (gpu, _turn) = common::gpu();
    let expected = expected("inference");
    let model = ZeroShot::load(&gpu, folder("inference"), &ModelOptions::default()).unwrap();
    let (texts, labels) = (
        strings(&expected["texts"]),
        strings(&expected["candidates"]),
    );
    let one = ZeroShotOptions::default();
    let template = expected["template"].as_str().unwrap();
    for (key, options) in [
        ("one", one.clone()),
        ("many", one.clone().multi_label(true)),
        ("templated", one.clone().template(template)),
    ] {
        let found = model.classify(&texts, &labels, &options).unwrap();
        places_are_those_of(&labels, &found);
        for (found, expected) in found.iter().zip(list(&expected[key])) {
            are_labels(found, expected, key);
        }
    }
    let refused = |labels: &[&str], options| {
        let error = model.classify(&texts, labels, options).unwrap_err();
        error.to_string()
    };
    assert!(refused(&[], &one).contains("labels"));
    assert!(refused(&["a"], &one.clone().template("no place")).contains("template"));
}

#[test]
fn a_cross_encoder_ranks_as_sentence_transformers_does() {
    let (gpu, _turn) = common::gpu();
    for name in ["cross-encoder", "cross-encoder-of-logits"] {
        let expected = expected(name);
        let reranker = Reranker::load(&gpu, folder(name), &ModelOptions::default()).unwrap();
        let texts = strings(&expected["texts"]);
        let query = expected["query"].as_str().unwrap();
        let ranked = reranker.rank(query, &texts).unwrap();
        for (found, expected) in ranked.iter().zip(list(&expected["ranked"])) {
            assert_eq!(found.index as u64, expected[0].as_u64().unwrap(), "{name}");
            is_near(found.score, &expected[1], name);
        }
        assert_eq!(ranked.len(), texts.len());
        assert!(reranker.rank::<&str>(query, &[]).unwrap().is_empty());
    }
}

#[test]
fn masks_are_filled_as_by_the_pipeline() {
    let (gpu, _turn) = common::gpu();
    for name in ["masked-lm", "masked-lm-of-bytes"] {
        let expected = expected(name);
        let filler = Filler::load(&gpu, folder(name), &ModelOptions::default()).unwrap();
        for (text, masks) in strings(&expected["texts"])
            .iter()
            .zip(list(&expected["masks"]))
        {
            let found = filler.fill(text, 4).unwrap();
            are_fillings(&found, masks, text);
            // Whatever a mask is called elsewhere, it is meant.
            let other = text.replace("<mask>", "[MASK]");
            assert_eq!(filler.fill(&other, 4).unwrap(), found);
        }
        let pairs = list(&expected["pairs"]).iter().map(strings);
        for (pair, masks) in pairs.zip(list(&expected["masks_of_pairs"])) {
            let found = filler.fill((&pair[0][..], &pair[1][..]), 4).unwrap();
            are_fillings(&found, masks, &pair.join(" | "));
            let other = pair.iter().map(|text| text.replace("<mask>", "[MASK]"));
            let other: Vec<String> = other.collect();
            let again = filler.fill((&other[0][..], &other[1][..]), 4);
            assert_eq!(again.unwrap(), found);
        }
        let long = "word ".repeat(100) + "[MASK]";
        let error = filler.fill(("a [MASK]", &long[..]), 4).unwrap_err();
        assert!(error.to_string().contains("has 2"), "{error}");
        assert!(filler.is_cut(("a [MASK]", &long[..])).unwrap());
        for (text, needle) in [
            ("nothing", "has no"),
            (&("word ".repeat(100) + "[MASK]"), "shorten it"),
        ] {
            let error = filler.fill(text, 4).unwrap_err().to_string();
            assert!(error.contains(needle), "{error}");
        }
        let whole = filler.fill("a [MASK]", usize::MAX).unwrap();
        assert_eq!(whole[0].len(), filler.model().vocabulary());
    }
}

fn are_fillings(found: &[Vec<Filling>], expected: &Value, text: &str) {
    let expected = list(expected);
    assert_eq!(found.len(), expected.len(), "{text}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), list(expected).len(), "{text}");
        for (found, expected) in found.iter().zip(list(expected)) {
            assert_eq!(found.id as u64, expected["id"].as_u64().unwrap(), "{text}");
            assert_eq!(found.token, expected["token"], "{text}");
            is_near(found.score, &expected["score"], text);
        }
    }
}

#[test]
fn prompts_and_fewer_dimensions_are_as_in_sentence_transformers() {
    let (gpu, _turn) = common::gpu();
    let expected = expected("prompts");
    let texts = strings(&expected["texts"]);
    let load = |options| Embedder::load_with(&gpu, folder("prompts"), &options).unwrap();
    let is_near = |found: &[f32], expected: &Value, what: &str| {
        assert_eq!(found.len(), list(expected).len(), "{what}");
        for (found, expected) in found.iter().zip(list(expected)) {
            is_near(*found, expected, what);
        }
    };
    let embedder = load(EmbedderOptions::default());
    is_near(
        &embedder.embed(&texts).unwrap()[2],
        &expected["default"],
        "default",
    );
    for queries in [
        embedder.with_prompt("query").unwrap(),
        embedder.for_queries().unwrap(),
        load(EmbedderOptions::default().prompt("query")),
    ] {
        let found = queries.embed(&texts).unwrap();
        for (found, expected) in found.iter().zip(list(&expected["query"])) {
            is_near(found, expected, "query");
        }
    }
    let documents = embedder.for_documents().unwrap();
    assert_eq!(
        documents.embed(&texts).unwrap(),
        embedder.embed(&texts).unwrap()
    );
    let eight = EmbedderOptions::default().dimensions(8);
    for (options, key) in [
        (eight.clone(), "eight"),
        (eight.normalize(true), "eight_of_length_1"),
    ] {
        let eight = load(options);
        assert_eq!(eight.dimensions(), 8);
        let found = eight.embed(&texts).unwrap();
        for (found, expected) in found.iter().zip(list(&expected[key])) {
            is_near(found, expected, key);
        }
    }
    let error = embedder.with_prompt("poem").unwrap_err().to_string();
    assert!(
        error.contains("poem") && error.contains("document, query"),
        "{error}"
    );
    let options = EmbedderOptions::default().dimensions(33);
    let error = Embedder::load_with(&gpu, folder("prompts"), &options).unwrap_err();
    assert!(error.to_string().contains("1 to 32, is 33"), "{error}");
}

#[test]
fn a_summary_that_is_late_ends_before_its_sentences_are_compared() {
    let (gpu, _turn) = common::gpu();
    let embedder = Embedder::load(&gpu, "tests/data/tiny/plain").unwrap();
    let text = "A cat sat. A cat. ".repeat(50);
    let time = Duration::from_secs(2);
    let mut embedded = 0;
    let control = Control::new().timeout(time).progress(|now| {
        embedded = now.done;
        if now.done == now.total {
            sleep(time); // all is embedded by now, and it is time
        }
    });
    let late = embedder.summarize_with(&text, 1, control);
    assert!(matches!(late, Err(Error::Deadline { .. })), "{late:?}");
    assert_eq!(embedded, 100);
}

#[test]
fn a_summary_that_cannot_be_made_is_refused_before_any_work() {
    let (gpu, _turn) = common::gpu();
    let folder = "tests/data/tiny/plain";
    let embedder = Embedder::load(&gpu, folder).unwrap();
    let late = || Control::new().timeout(Duration::ZERO);
    let long = embedder.summarize_with(&"A. ".repeat(16_385), 1, late());
    assert!(matches!(long, Err(Error::Limit { needed: 16_385, .. })));
    let options = EmbedderOptions::default().per_token(true);
    let per_token = Embedder::load_with(&gpu, folder, &options).unwrap();
    let error = per_token.summarize("A cat. A dog sat.", 1).unwrap_err();
    assert!(error.to_string().contains("per_token"), "{error}");
}

/// Any executor may move the work between its threads.
#[test]
fn tasks_and_their_futures_go_where_they_are_needed() {
    fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    fn is_send<T: Send>(_: T) {}
    let (gpu, _turn) = common::gpu();
    let options = ModelOptions::default();
    let classifier = Classifier::load(&gpu, folder("sentiment"), &options).unwrap();
    is_shared(&classifier);
    is_send(classifier.classify_async(["a"]));
    let reranker = Reranker::load(&gpu, folder("cross-encoder"), &options).unwrap();
    is_shared(&reranker);
    is_send(reranker.rank_async("a", &["b"]));
    let model = ZeroShot::load(&gpu, folder("inference"), &options).unwrap();
    is_shared(&model);
    is_send(model.classify_async(&["a"], &["b"], &ZeroShotOptions::default()));
    let filler = Filler::load(&gpu, folder("masked-lm"), &options).unwrap();
    is_shared(&filler);
    is_send(filler.fill_async("[MASK]", 1));
    is_shared(filler.model());
    let sparse = SparseEmbedder::load(&gpu, "tests/data/retrieval/splade", &options).unwrap();
    is_shared(&sparse);
    is_send(sparse.embed_async(&["a"]));
    let late = LateInteraction::load(&gpu, "tests/data/retrieval/colbert", &options).unwrap();
    is_shared(&late);
    is_send(late.rank_async("a", &["b"]));
    is_send(late.embed_async(Side::Query, &["a"]));
    let tagger = Tagger::load(&gpu, "tests/data/spans/bert-tags", &options).unwrap();
    is_shared(&tagger);
    is_send(tagger.tag_async(&["a"], &TagOptions::default()));
    let answerer = Answerer::load(&gpu, "tests/data/spans/bert-answers", &options).unwrap();
    is_shared(&answerer);
    is_send(answerer.answer_async([("a", "b")], &AnswerOptions::default()));
    let embedder = Embedder::load(&gpu, "tests/data/tiny/plain").unwrap();
    is_shared(&embedder);
    is_send(embedder.summarize_async("a", 1));

    is_send(classifier.recover_async(&gpu));
    is_send(reranker.recover_async(&gpu));
    is_send(model.recover_async(&gpu));
    is_send(filler.recover_async(&gpu));
    is_send(filler.model().recover_async(&gpu));
    is_send(sparse.recover_async(&gpu));
    is_send(late.recover_async(&gpu));
    is_send(tagger.recover_async(&gpu));
    is_send(answerer.recover_async(&gpu));
    is_send(embedder.recover_async(&gpu));
    is_send(embedder.model().recover_async(&gpu));
}

#[test]
fn what_predicts_tokens_keeps_to_its_budget() {
    let (gpu, _turn) = common::gpu();
    let load = |options: &ModelOptions| Filler::load(&gpu, folder("masked-lm"), options);
    let free = load(&ModelOptions::default()).unwrap();
    let expected = free.fill("the [MASK] sat on the [MASK]", 3).unwrap();
    let budget = 4 << 20;
    let within = load(&ModelOptions::default().memory_budget(budget)).unwrap();
    assert_eq!(
        within.fill("the [MASK] sat on the [MASK]", 3).unwrap(),
        expected
    );
    let taken = within.model().memory();
    assert!(taken.total() <= budget, "{taken:?}");
    assert!(taken.weights > within.model().encoder().memory().weights);
    let error = load(&ModelOptions::default().memory_budget(1 << 12)).unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
}

#[test]
fn a_task_refuses_a_model_that_was_trained_for_another() {
    let (gpu, _turn) = common::gpu();
    let options = ModelOptions::default();
    let refused = |error: Error, needle: &str| {
        assert!(error.to_string().contains(needle), "{error}");
    };
    let of = |gpu: &Gpu, name: &str| Reranker::load(gpu, folder(name), &options).map(drop);
    refused(of(&gpu, "sentiment").unwrap_err(), "3 labels, negative");
    refused(of(&gpu, "masked-lm").unwrap_err(), "pooler.dense.weight");
    let of = ZeroShot::load(&gpu, folder("sentiment"), &options);
    refused(of.unwrap_err(), "entail");
    let of = Tagger::load(&gpu, folder("sentiment"), &options);
    refused(of.unwrap_err(), "ForSequenceClassification");
    let of = Classifier::load(&gpu, "tests/data/spans/bert-tags", &options);
    refused(of.unwrap_err(), "ForTokenClassification");
    let of = Filler::load(&gpu, folder("sentiment"), &options);
    refused(of.unwrap_err(), "cls.predictions");
}
