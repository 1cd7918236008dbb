//! Dense layers, sparse vectors and vectors of tokens against sentence-transformers and, of BGE-M3, PyTorch, whose results
//! `tests/data/retrieval.py` wrote.

mod common;
#[path = "common/results.rs"]
mod results;

use std::path::{Path, PathBuf};

use results::{is_near, list, strings};
use serde_json::Value;
use wgformer::models::ModelOptions;
use wgformer::tasks::{
    Embedder, EmbedderOptions, LateInteraction, Side, SparseEmbedder, StreamOptions,
};

/// Of `tests/data/retrieval.py`.
fn retrieval(name: &str) -> (PathBuf, Value) {
    let folder = Path::new("tests/data/retrieval").join(name);
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    (folder, serde_json::from_str(&text).unwrap())
}

/// The largest difference of a vector's element.
const VECTOR_BOUND: f64 = 2e-4;

fn is_vector(found: &[f32], expected: &Value, what: &str) {
    let expected = list(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*found) - expected.as_f64().unwrap()).abs();
        assert!(
            difference <= VECTOR_BOUND,
            "{what}, element {place}: {found} is off by {difference}"
        );
    }
}

#[test]
fn dense_layers_give_what_sentence_transformers_gives() {
    let (gpu, _turn) = common::gpu();
    for (name, columns) in [("dense", 10), ("dense-after-normalize", 20)] {
        let (folder, expected) = retrieval(name);
        let texts = strings(&expected["texts"]);
        let embedder = Embedder::load(&gpu, &folder).unwrap();
        assert_eq!(embedder.dimensions(), columns, "{name}");
        let found = embedder.embed(&texts).unwrap();
        for (found, expected) in found.iter().zip(list(&expected["embeddings"])) {
            is_vector(found, expected, name);
        }
        let eight = EmbedderOptions::default().dimensions(8).normalize(true);
        let eight = Embedder::load_with(&gpu, &folder, &eight).unwrap();
        for (found, expected) in eight
            .embed(&texts)
            .unwrap()
            .iter()
            .zip(list(&expected["eight"]))
        {
            is_vector(found, expected, name);
        }
        // The vectors of a batch that an application runs itself are the same.
        let batch = embedder.batch(&texts).unwrap();
        assert_eq!(embedder.model().run(&batch).unwrap(), found.concat());
        let options = EmbedderOptions::default().dimensions(columns + 1);
        let error = Embedder::load_with(&gpu, &folder, &options).unwrap_err();
        assert!(
            error.to_string().contains(&format!("1 to {columns}")),
            "{error}"
        );
    }
}

/// Ids, tokens and weights, the heaviest first.
fn are_weights(found: &[(u32, String, f32)], expected: &Value, what: &str) {
    let expected = list(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    assert!(found.is_sorted_by(|a, b| a.2 >= b.2), "{what}");
    for expected in expected {
        let id = expected[0].as_u64().unwrap();
        let found = found.iter().find(|it| u64::from(it.0) == id);
        let (_, token, weight) = found.unwrap_or_else(|| panic!("{what}: no {expected}"));
        assert_eq!(*token, expected[1], "{what}");
        is_near(*weight, &expected[2], what);
    }
}

#[test]
fn sparse_vectors_are_those_of_sentence_transformers() {
    let (gpu, _turn) = common::gpu();
    for name in ["splade", "splade-sum", "bge-m3"] {
        let (folder, expected) = retrieval(name);
        let embedder = SparseEmbedder::load(&gpu, &folder, &ModelOptions::default()).unwrap();
        let texts = strings(&expected["texts"]);
        let all = embedder.embed(&texts).unwrap();
        for ((text, found), expected) in texts.iter().zip(&all).zip(list(&expected["sparse"])) {
            let named = found.weights.iter();
            let named = named.map(|it| (it.id, embedder.token(it.id).unwrap(), it.weight));
            are_weights(
                &named.collect::<Vec<_>>(),
                expected,
                &format!("{name}, {text:?}"),
            );
            // The same bits alone.
            assert_eq!(&embedder.embed([text]).unwrap()[0], found);
        }
        assert!(embedder.embed([""; 0]).unwrap().is_empty());
    }
}

#[test]
fn models_without_sparse_vectors_say_what_is_missing() {
    let (gpu, _turn) = common::gpu();
    for name in ["prompts", "sentiment"] {
        let load = || {
            SparseEmbedder::load(
                &gpu,
                format!("tests/data/tasks/{name}"),
                &ModelOptions::default(),
            )
        };
        let error = load().unwrap_err().to_string();
        for needle in ["SpladePooling", "sparse_linear.pt", "masked language model"] {
            assert!(error.contains(needle), "{name}: {error}");
        }
    }
    let error = Embedder::load(&gpu, retrieval("splade-sum").0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("embed --sparse"), "{error}");
}

#[test]
fn vectors_of_tokens_and_their_scores_are_those_of_sentence_transformers() {
    let (gpu, _turn) = common::gpu();
    for name in [
        "pylate",
        "pylate-attending",
        "pylate-unexpanded",
        "pylate-modernbert",
        "colbert",
        "multi-vector",
        "bge-m3",
    ] {
        let (folder, expected) = retrieval(name);
        let model = LateInteraction::load(&gpu, &folder, &ModelOptions::default()).unwrap();
        let texts = strings(&expected["texts"]);
        let queries = strings(&expected["queries"]);
        let documents = model.embed(Side::Document, &texts).unwrap();
        let embedded = model.embed(Side::Query, &queries).unwrap();
        for (side, texts, found, key) in [
            (Side::Document, &texts, &documents, "document_vectors"),
            (Side::Query, &queries, &embedded, "query_vectors"),
        ] {
            for ((text, found), expected) in texts.iter().zip(found).zip(list(&expected[key])) {
                let what = format!("{name}, {side:?} {text:?}");
                let vectors: Vec<&[f32]> = found.values.chunks(model.dimensions()).collect();
                assert_eq!(vectors.len(), list(expected).len(), "{what}");
                for (found, expected) in vectors.iter().zip(list(expected)) {
                    is_vector(found, expected, &what);
                }
                // The same bits alone.
                assert_eq!(&model.embed(side, &[text]).unwrap()[0], found, "{what}");
            }
        }
        for ((query, own), expected) in queries.iter().zip(&embedded).zip(list(&expected["scores"]))
        {
            let scores = model.scores(own, &documents).unwrap();
            for (found, expected) in scores.iter().zip(list(expected)) {
                is_near(*found, expected, name);
            }
            let ranked = model.rank(query, &texts).unwrap();
            assert!(ranked.is_sorted_by(|a, b| a.score >= b.score), "{name}");
            assert!(
                ranked.iter().all(|it| it.score == scores[it.index]),
                "{name}"
            );
        }
        let named: Vec<_> = texts
            .iter()
            .map(|text| Ok::<_, wgformer::Error>(text.clone()))
            .collect();
        let stream = model.stream(Side::Document, named, &StreamOptions::default());
        let streamed: Vec<_> = stream.map(|it| it.unwrap().1).collect();
        assert_eq!(streamed, documents, "{name}");
    }
}

/// Of a text that is too long the end is read, where the tokenizer's files say so. Markers of PyLate and of ColBERT are put
/// before what is left, as these do; the prompts of sentence-transformers are part of the text, and cut off.
#[test]
fn of_a_long_text_the_end_has_vectors_where_the_tokenizer_cuts_the_beginning() {
    let (gpu, _turn) = common::gpu();
    let load = |folder: &Path| LateInteraction::load(&gpu, folder, &ModelOptions::default());
    let cutting_left = |folder: &Path| {
        let copy = tempfile::tempdir().unwrap();
        for entry in walk(folder) {
            let to = copy.path().join(entry.strip_prefix(folder).unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(&entry, to).unwrap();
        }
        let config = copy.path().join("tokenizer_config.json");
        let mut read: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
        read["truncation_side"] = "left".into();
        std::fs::write(config, read.to_string()).unwrap();
        load(copy.path()).unwrap()
    };

    let (folder, expected) = retrieval("multi-vector");
    let ends = &expected["ends"];
    let text = ends["text"].as_str().unwrap();
    let model = cutting_left(&folder);
    for (side, key) in [
        (Side::Document, "document_vectors"),
        (Side::Query, "query_vectors"),
    ] {
        let found = &model.embed(side, &[text]).unwrap()[0];
        let vectors: Vec<&[f32]> = found.values.chunks(model.dimensions()).collect();
        assert_eq!(vectors.len(), list(&ends[key]).len(), "{side:?}");
        for (found, expected) in vectors.iter().zip(list(&ends[key])) {
            is_vector(found, expected, &format!("{side:?}"));
        }
    }

    // Each word is a token; two are special, and one is the marker.
    let words: Vec<&str> = text.split_whitespace().collect();
    for (name, document, query) in [("pylate", 20, 14), ("colbert", 24, 16)] {
        let (folder, _) = retrieval(name);
        let (whole, model) = (load(&folder).unwrap(), cutting_left(&folder));
        for (side, most) in [(Side::Document, document), (Side::Query, query)] {
            let end = words[words.len() - (most - 3)..].join(" ");
            let [found, expected] = [(&model, text), (&whole, &end[..])]
                .map(|(model, text)| model.embed(side, &[text]).unwrap().remove(0));
            assert!(found.is_cut && !expected.is_cut, "{name}, {side:?}");
            assert_eq!(found.values, expected.values, "{name}, {side:?}");
        }
    }
}

/// The files of a folder and of those in it.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn models_without_vectors_of_tokens_say_what_is_missing() {
    let (gpu, _turn) = common::gpu();
    for name in ["prompts", "masked-lm"] {
        let load = || {
            LateInteraction::load(
                &gpu,
                format!("tests/data/tasks/{name}"),
                &ModelOptions::default(),
            )
        };
        let error = load().unwrap_err().to_string();
        for needle in ["PyLate", "HF_ColBERT", "colbert_linear.pt"] {
            assert!(error.contains(needle), "{name}: {error}");
        }
    }
    let error = Embedder::load(&gpu, retrieval("pylate").0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("embed --multi"), "{error}");
}

#[test]
fn late_interaction_keeps_to_its_budget() {
    let (gpu, _turn) = common::gpu();
    let load =
        |options: &ModelOptions| LateInteraction::load(&gpu, retrieval("colbert").0, options);
    let texts = ["a cat", "a dog", "the sea"];
    let expected = load(&ModelOptions::default())
        .unwrap()
        .rank("cat", &texts)
        .unwrap();
    let budget = 4 << 20;
    let within = load(&ModelOptions::default().memory_budget(budget)).unwrap();
    assert_eq!(within.rank("cat", &texts).unwrap(), expected);
    assert!(within.memory().total() <= budget);
    let error = load(&ModelOptions::default().memory_budget(1 << 10)).unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
}
