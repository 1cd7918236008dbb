//! Classifiers that are fitted to examples: what is written, against sentence-transformers, which reads it too; how good they
//! are, against scikit-learn on the same embeddings (`tests/data/fit.py` wrote what both say).

mod common;
#[path = "common/default_model.rs"]
#[expect(dead_code, reason = "its texts are for others")]
mod default_model;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wgformer::evaluation::classification;
use wgformer::logistic::{ClassWeight, LogisticOptions, LogisticRegression, Validation, validate};
use wgformer::models::{ClassifierFolder, ModelOptions, Output, SentenceTransformer};
use wgformer::ops::Pooling;
use wgformer::plan::Control;
use wgformer::tasks::{Classifier, Embedder, EmbedderOptions, FitOptions, FittedClassifier};
use wgformer::verify::Random;
use wgformer::{Error, Gpu};

/// A model with a pooling, two linear layers, and vectors of length 1.
const DENSE: &str = "tests/data/retrieval/dense";

fn topics() -> (Vec<String>, Vec<String>) {
    let mut reader = csv::Reader::from_path("tests/data/topics.csv").unwrap();
    let rows = reader.deserialize::<(String, String)>();
    rows.map(Result::unwrap).unzip()
}

fn expected() -> Value {
    serde_json::from_slice(&fs::read("tests/data/fitted.json").unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn fit(model: &Embedder, examples: usize, options: &FitOptions) -> FittedClassifier {
    let (texts, labels) = topics();
    let examples = ..examples;
    model
        .fit(&texts[examples], &labels[examples], options)
        .unwrap()
}

/// Every file of a folder, by its path in there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Softmax, in f64.
fn probabilities(logits: &[f64]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|it| it.exp()).sum();
    logits.iter().map(|it| it.exp() / sum).collect()
}

#[test]
fn a_written_classifier_is_one_to_sentence_transformers_too() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let model = Embedder::load(&gpu, DENSE).unwrap();
    fit(&model, 12, &FitOptions::default().c(10.0))
        .save(&out)
        .unwrap();
    // What the fixture was made of, but for the device's last digits in the layer.
    let (found, kept) = (files(&out), files(Path::new("tests/data/fitted")));
    let names: Vec<&PathBuf> = found.keys().collect();
    assert_eq!(names, kept.keys().collect::<Vec<_>>());
    for (name, bytes) in &kept {
        let is_layer = name.starts_with("5_Dense") && name.ends_with("model.safetensors");
        assert!(is_layer || found[name] == *bytes, "{}", name.display());
    }

    let expected: Vec<Vec<f64>> = serde_json::from_value(expected()["logits"].clone()).unwrap();
    let (texts, _) = topics();
    for path in [&out, Path::new("tests/data/fitted")] {
        let classifier = Classifier::load(&gpu, path, &Default::default()).unwrap();
        assert_eq!(classifier.labels(), ["food", "health", "money", "travel"]);
        let found = classifier.classify(texts[..expected.len()].iter()).unwrap();
        for (labels, logits) in found.iter().zip(&expected) {
            let expected = probabilities(logits);
            for label in labels {
                let difference = (f64::from(label.score) - expected[label.index]).abs();
                assert!(difference < 1e-4, "{labels:?}, {expected:?}");
            }
        }
    }
    // It embeds nothing any more, and says so.
    let error = Embedder::load(&gpu, &out).unwrap_err().to_string();
    assert!(
        error.contains("a logit per label") && error.contains("classify"),
        "{error}"
    );
}

#[test]
fn what_a_model_embeds_by_is_kept() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let plain = EmbedderOptions::default();
    let cases = [
        (
            "tests/data/tiny/plain",
            plain.clone().pooling(Pooling::Cls).normalize(false),
        ),
        ("tests/data/tiny/plain", plain.clone().dimensions(8)),
        ("tests/data/tasks/prompts", plain.clone().prompt("query")),
        (DENSE, plain.clone().normalize(false)),
        ("tests/data/tasks/masked-lm", plain), // no modules at all
    ];
    let (texts, _) = topics();
    let texts = &texts[..20];
    for (model, options) in cases {
        let embedder = Embedder::load_with(&gpu, model, &options).unwrap();
        let fitted = fit(&embedder, 12, &FitOptions::default().c(100.0));
        fitted.save(&out).unwrap(); // over the one before
        let classifier = Classifier::load(&gpu, &out, &Default::default()).unwrap();
        // All columns count, whatever is kept of them.
        let whole = options.dimensions(fitted.regression.inputs());
        let embedder = Embedder::load_with(&gpu, model, &whole).unwrap();
        let vectors = embedder.embed(texts).unwrap().concat();
        let logits = fitted.regression.logits(&vectors);
        let found = classifier.classify(texts.iter()).unwrap();
        for (labels, logits) in found.iter().zip(logits.chunks_exact(4)) {
            let expected = probabilities(logits);
            for label in labels {
                let difference = (f64::from(label.score) - expected[label.index]).abs();
                assert!(difference < 1e-3, "{model}: {labels:?}, {expected:?}");
            }
        }
    }
}

#[test]
fn a_regression_on_the_default_model_is_that_of_scikit_learn() {
    let (gpu, _turn) = common::gpu();
    let expected = &expected()["regression"];
    let examples = expected["examples"].as_u64().unwrap() as usize;
    let model = Embedder::load(&gpu, default_model::directory()).unwrap();
    let options = FitOptions::default().c(expected["c"].as_f64().unwrap());
    let fitted = fit(&model, examples, &options);
    assert_eq!(serde_json::json!(fitted.labels), expected["labels"]);
    let coefficients = numbers(&expected["coefficients"]);
    let largest = coefficients.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    let found = fitted.regression.coefficients();
    assert_eq!(found.len(), coefficients.len());
    let intercepts = numbers(&expected["intercepts"]);
    let found = found.iter().chain(fitted.regression.intercepts());
    for (found, expected) in found.zip(coefficients.iter().chain(&intercepts)) {
        let difference = (found - expected).abs() / largest;
        assert!(difference < 1e-3, "{found}, {expected}");
    }
    let accuracy = accuracy_on_the_rest(&gpu, &fitted, examples);
    let theirs = expected["accuracy"].as_f64().unwrap();
    assert!((accuracy - theirs).abs() <= 0.01, "{accuracy}, {theirs}");
}

/// Of the classifier as it is written and loaded again.
fn accuracy_on_the_rest(gpu: &Gpu, fitted: &FittedClassifier, examples: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fitted.save(&out).unwrap();
    let classifier = Classifier::load(gpu, &out, &Default::default()).unwrap();
    let (texts, labels) = topics();
    let found = classifier.classify(texts[examples..].iter()).unwrap();
    let found: Vec<&str> = found.iter().map(|it| &it[0].label[..]).collect();
    classification(&labels[examples..], &found)
        .unwrap()
        .accuracy
}

/// The sentences of each label in an order of its own for each seed: the first eight are the examples.
#[expect(clippy::print_stdout, reason = "docs/accuracy.md has them")]
#[test]
fn eight_examples_of_each_label_suffice() {
    let (gpu, _turn) = common::gpu();
    let model = Embedder::load(&gpu, default_model::directory()).unwrap();
    let first = fit(&model, 32, &FitOptions::default());
    assert_eq!(first.counts, [8; 4]);
    let accuracy = accuracy_on_the_rest(&gpu, &first, 32);
    println!("the first 8 of each label, C {}: {accuracy:.3}", first.c);
    assert!(accuracy >= 0.85, "{accuracy}");

    let (texts, labels) = topics();
    let vectors = model.embed(&texts).unwrap();
    let names: Vec<&String> = BTreeSet::from_iter(&labels).into_iter().collect();
    let places = labels
        .iter()
        .map(|label| names.binary_search(&label).unwrap());
    let places: Vec<usize> = places.collect();
    let mut accuracies: Vec<f64> = (0..100)
        .map(|seed| {
            let [examples, rest] = drawn(&labels, seed).map(|own| {
                let features = own.iter().flat_map(|it| &vectors[*it]).copied();
                let labels = own.iter().map(|it| places[*it]);
                (
                    features.collect::<Vec<f32>>(),
                    labels.collect::<Vec<usize>>(),
                )
            });
            let (options, validation) = (LogisticOptions::default(), Validation::default());
            let (features, labels) = &examples;
            let (found, best) =
                validate(features, labels, &options, &validation, |_, _| Ok(())).unwrap();
            let options = options.c(found[best].c);
            let found = LogisticRegression::fit(features, labels, &options)
                .unwrap()
                .predict(&rest.0);
            let right = found.iter().zip(&rest.1).filter(|(a, b)| a == b).count();
            right as f64 / found.len() as f64
        })
        .collect();
    accuracies.sort_by(f64::total_cmp);
    let count = accuracies.len() as f64;
    let mean = accuracies.iter().sum::<f64>() / count;
    let variance = accuracies.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let enough = accuracies.iter().filter(|it| **it >= 0.85).count();
    println!(
        "{count} draws: mean {mean:.3}, deviation {:.3}, from {:.3} to {:.3}, {enough} of at least 0.85",
        variance.sqrt(),
        accuracies[0],
        accuracies[accuracies.len() - 1]
    );
    // docs/accuracy.md: scikit-learn finds as many, whatever its C.
    assert!((0.84..0.87).contains(&mean), "{accuracies:?}");
}

/// Eight of each label, and all others.
fn drawn(labels: &[String], seed: u64) -> [Vec<usize>; 2] {
    let mut random = Random::new(seed);
    let mut all: Vec<usize> = (0..labels.len()).collect();
    for end in (1..all.len()).rev() {
        all.swap(end, random.below(end + 1));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (examples, rest) = all.into_iter().partition(|it| {
        let count = counts.entry(&labels[*it][..]).or_default();
        *count += 1;
        *count <= 8
    });
    [examples, rest]
}

#[test]
fn fitting_is_told_how_far_it_is_and_what_is_wrong_is_said() {
    let (gpu, _turn) = common::gpu();
    let model = Embedder::load(&gpu, "tests/data/tiny/plain").unwrap();
    let (texts, labels) = topics();
    let (texts, labels) = (&texts[..16], &labels[..16]);
    let validation = Validation::default()
        .splits(2)
        .strengths([1.0, 10.0])
        .seed(3);
    let options = FitOptions::default()
        .validation(validation)
        .class_weight(ClassWeight::Balanced);
    let mut told = Vec::new();
    let control = Control::new().progress(|now| told.push((now.done, now.total)));
    let fitted = model.fit_with(texts, labels, &options, control).unwrap();
    assert_eq!(told.last(), Some(&(20, 20)));
    assert!(told.is_sorted() && told.contains(&(16, 20)), "{told:?}");
    assert_eq!(fitted.strengths.len(), 2);
    assert!([1.0, 10.0].contains(&fitted.c) && fitted.accuracy > 0.25);
    let again = model.fit(texts, labels, &options).unwrap();
    assert_eq!(again.regression, fitted.regression);
    let late = Control::new().deadline(std::time::Instant::now());
    let late = model.fit_with(texts, labels, &options, late);
    assert!(matches!(late, Err(Error::Deadline { .. })));

    let refused = |texts: &[&str], labels: &[&str], options: &FitOptions, needles: &[&str]| {
        let error = model.fit(texts, labels, options).unwrap_err().to_string();
        for needle in needles {
            assert!(error.contains(needle), "no {needle}: {error}");
        }
    };
    let (any, fixed) = (FitOptions::default(), FitOptions::default().c(1.0));
    refused(&["a"], &["x", "y"], &any, &["2 labels", "1 texts"]);
    refused(
        &["a", "b"],
        &["x", "x"],
        &any,
        &["1 label", "\"x\"", "another"],
    );
    refused(&[], &[], &any, &["0 label"]);
    refused(&["a", "b"], &["x", " "], &fixed, &["text 1", "empty"]);
    refused(
        &["a", "b", "c"],
        &["x", "x", "y"],
        &any,
        &["\"y\"", "one example", "give C"],
    );
    model
        .fit(&["a", "b", "c"], &["x", "x", "y"], &fixed)
        .unwrap();
    let per_token = EmbedderOptions::default().per_token(true);
    let per_token = Embedder::load_with(&gpu, "tests/data/tiny/plain", &per_token).unwrap();
    let error = per_token.fit(&["a", "b"], &["x", "y"], &fixed).unwrap_err();
    assert!(error.to_string().contains("per_token"), "{error}");
}

#[test]
fn nothing_but_a_classifier_is_replaced() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let model = Embedder::load(&gpu, "tests/data/tiny/plain").unwrap();
    let fitted = fit(&model, 8, &FitOptions::default().c(1.0));
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fitted.save(&other).unwrap(); // it is empty
    assert_eq!(
        SentenceTransformer::read(&other).unwrap().output,
        Output::Logits
    );
    fitted.save(other.join(".")).unwrap(); // a classifier
    let options = ModelOptions::default();
    let needed = Classifier::memory_needed(&gpu, &other, &options).unwrap();
    let loaded = Classifier::load(&gpu, &other, &options).unwrap();
    loaded.model().warm_up().unwrap();
    assert_eq!(loaded.model().memory(), needed);
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("letter.txt"), "dear").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [&taken, &file, Path::new("tests/data/tiny/plain")] {
        let error = fitted.save(path).unwrap_err();
        assert!(error.to_string().contains("name another folder"), "{error}");
        ClassifierFolder::at(path).unwrap_err();
    }
    assert_eq!(
        fs::read_to_string(taken.join("letter.txt")).unwrap(),
        "dear"
    );
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "nothing is left beside");
    let error = fitted.save(folder.path().join("no/such")).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");

    // Names that are not as many as the logits.
    let config = other.join("config.json");
    let mut said: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    said["id2label"] = serde_json::json!({"0": "a", "1": "b"});
    fs::write(&config, said.to_string()).unwrap();
    let error = Classifier::load(&gpu, &other, &Default::default()).unwrap_err();
    assert!(error.to_string().contains("has 2 labels, a, b"), "{error}");
}
