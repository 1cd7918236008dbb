//! Dense layers, sparse vectors and vectors of tokens against sentence-transformers and, of BGE-M3, PyTorch, whose results
//! `tests/data/retrieval.py` wrote.

mod common;
#[path = "common/results.rs"]
mod results;

use std::path::{Path, PathBuf};

use results::{is_near, list, strings};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use wgformer::Error;
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
    for name in [
        "splade",
        "splade-sum",
        "bge-m3",
        "inference-free",
        "inference-free-as-published",
    ] {
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

/// What sentence-transformers' `encode_query` and `encode_document` give.
#[test]
fn queries_without_inference_have_the_weights_of_their_tokens_in_a_table() {
    let (gpu, _turn) = common::gpu();
    for name in ["inference-free", "inference-free-as-published"] {
        let (folder, expected) = retrieval(name);
        let model = SparseEmbedder::load(&gpu, &folder, &ModelOptions::default()).unwrap();
        let texts = strings(&expected["all"]);
        let queries = model.for_queries().unwrap();
        let documents = queries.for_documents().unwrap(); // there is a way back
        for (embedder, prompt, key) in [
            (&queries, "query", "queries"),
            (&documents, "document", "documents"),
        ] {
            let found = embedder.embed(&texts).unwrap();
            for ((text, found), expected) in texts.iter().zip(&found).zip(list(&expected[key])) {
                let what = format!("{name}, {key}, {text:?}");
                let named = found.weights.iter();
                let named = named.map(|it| (it.id, embedder.token(it.id).unwrap(), it.weight));
                are_weights(&named.collect::<Vec<_>>(), expected, &what);
                assert_eq!(&embedder.embed([text]).unwrap()[0], found, "{what}");
            }
            let prompted = model.with_prompt(prompt).unwrap();
            assert_eq!(prompted.embed(&texts).unwrap(), found, "{name}, {key}");
            let named = texts.clone().into_iter().map(Ok::<_, Error>);
            let stream = embedder.stream(named, &StreamOptions::default());
            let streamed: Vec<_> = stream.map(|it| it.unwrap().1).collect();
            assert_eq!(streamed, found, "{name}, {key}");
        }
        let found = queries.embed(&texts).unwrap();
        let weights = found.iter().flat_map(|it| &it.weights);
        let is_any_negative = weights.clone().any(|it| it.weight < 0.0);
        assert_eq!(is_any_negative, name == "inference-free");
        // As many as the tokenizer of queries takes; there are no special tokens.
        let long = &found[4];
        assert!(long.is_cut && long.tokens == 12, "{long:?}");
        let passages = queries.passages(&texts[4], 1).unwrap();
        assert!(passages.len() > 4, "{name}");
        let of_passages = queries.embed(passages.iter().map(|it| it.text)).unwrap();
        assert!(of_passages.iter().all(|it| !it.is_cut), "{name}");
        let refusing = queries.refuse_long_texts(true);
        let error = refusing.embed(["film", &texts[4]]).unwrap_err();
        let is_named = matches!(error, Error::TooLong { index: 1, most: 12 });
        assert!(is_named, "{name}: {error}");
    }
}

#[test]
fn a_text_is_what_the_files_say_if_nobody_else_does() {
    let (gpu, _turn) = common::gpu();
    let (folder, _) = retrieval("inference-free-as-published");
    let copy = copied(&folder);
    let path = copy.path().join("router_config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["parameters"]["default_route"] = "query".into();
    std::fs::write(path, config.to_string()).unwrap();
    // Prompts need not be there to choose by.
    std::fs::remove_file(copy.path().join("config_sentence_transformers.json")).unwrap();
    let load = |folder: &Path| SparseEmbedder::load(&gpu, folder, &ModelOptions::default());
    let (documents, queries) = (load(&folder).unwrap(), load(copy.path()).unwrap());
    let of = |model: &SparseEmbedder| model.embed(["a film"]).unwrap();
    assert_eq!(of(&queries), of(&documents.for_queries().unwrap()));
    assert_eq!(
        of(&documents),
        of(&queries.with_prompt("document").unwrap())
    );
    assert_ne!(of(&documents), of(&queries));
    let error = queries.with_prompt("poem").unwrap_err().to_string();
    assert!(error.contains("\"poem\""), "{error}");
}

/// Nothing of a query without inference runs on the device, so that it need not even be there any more.
#[test]
fn queries_without_inference_need_no_device() {
    let (gpu, _turn) = common::gpu();
    let lost = common::plain(&gpu);
    let (folder, _) = retrieval("inference-free");
    let documents = SparseEmbedder::load(&lost, folder, &ModelOptions::default()).unwrap();
    let queries = documents.for_queries().unwrap();
    let expected = [&queries, &documents].map(|it| it.embed(["a film"]).unwrap());
    lost.device().destroy();
    assert_eq!(queries.embed(["a film"]).unwrap(), expected[0]);
    let error = documents.embed(["a film"]).unwrap_err();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    let recovered = queries.recover(&gpu).unwrap();
    assert_eq!(recovered.embed(["a film"]).unwrap(), expected[0]);
    let documents = recovered.with_prompt("document").unwrap();
    let without_prompt = documents.embed(["a film"]).unwrap();
    assert!(!without_prompt[0].weights.is_empty());
}

#[test]
fn a_tokenizer_of_queries_that_does_not_fit_their_weights_is_named() {
    let (gpu, _turn) = common::gpu();
    let copy = copied(&retrieval("inference-free").0);
    let file = copy
        .path()
        .join("query_0_SparseStaticEmbedding/model.safetensors");
    let few = TensorView::new(Dtype::F32, vec![5], &[0; 20]).unwrap();
    safetensors::serialize_to_file([("weight", few)], None, &file).unwrap();
    let model = SparseEmbedder::load(&gpu, copy.path(), &ModelOptions::default()).unwrap();
    let queries = model.for_queries().unwrap();
    let error = queries.embed(["film"]).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    for needle in [
        "query_0_SparseStaticEmbedding",
        "tokenizer.json",
        "5 weights",
    ] {
        assert!(error.to_string().contains(needle), "{error}");
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
            .map(|text| Ok::<_, Error>(text.clone()))
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
        let copy = copied(folder);
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

/// A folder like it, to be changed.
fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in walk(folder) {
        let to = copy.path().join(entry.strip_prefix(folder).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&entry, to).unwrap();
    }
    copy
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
