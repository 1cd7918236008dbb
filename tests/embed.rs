//! The real default model against Hugging Face transformers and sentence-transformers, whose outputs
//! `tests/data/reference.py` wrote; and that a text's result does not depend on what else is in its batch.

mod common;

use std::collections::HashMap;
use std::path::Path;

use wgformer::models::{Batch, Head, Model, ModelOptions};
use wgformer::ops::Pooling;
use wgformer::plan::{Plan, PlanOptions};
use wgformer::tasks::{Embedder, EmbedderOptions, cosine};
use wgformer::tensor::{Sizes, WeightType};

const MODEL: &str = "models/all-MiniLM-L6-v2";

/// What the reference script wrote.
struct Reference {
    texts: Vec<String>,
    token_counts: Vec<usize>,
    /// By name: values, row-major, of 384 columns.
    tensors: HashMap<String, Vec<f32>>,
}

impl Reference {
    fn read() -> Self {
        assert!(
            Path::new(MODEL).join("config.json").exists(),
            "{MODEL} is missing: run `make model`"
        );
        let json = std::fs::read("tests/data/all-MiniLM-L6-v2.json").unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let bytes = std::fs::read("tests/data/all-MiniLM-L6-v2.safetensors").unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let floats = file
            .iter()
            .filter(|(_, tensor)| tensor.dtype() == safetensors::Dtype::F32);
        let tensors = floats
            .map(|(name, tensor)| (name.to_owned(), bytemuck::pod_collect_to_vec(tensor.data())));
        Self {
            texts: serde_json::from_value(json["texts"].clone()).unwrap(),
            token_counts: serde_json::from_value(json["token_counts"].clone()).unwrap(),
            tensors: tensors.collect(),
        }
    }

    fn rows(&self, name: &str) -> impl Iterator<Item = &[f32]> {
        self.tensors[name].chunks_exact(384)
    }
}

fn load(gpu: &wgformer::Gpu, change: impl FnOnce(&mut EmbedderOptions)) -> Embedder {
    let mut options = EmbedderOptions::default();
    change(&mut options);
    Embedder::load_with(gpu, MODEL, &options).unwrap()
}

fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // NaN is larger than anything.
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst, next| if next <= worst { worst } else { next })
}

#[test]
fn embeddings_agree_with_sentence_transformers() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    for (dtype, least_cosine, most_difference) in [
        (WeightType::F32, 0.99999, 1e-4),
        (WeightType::F16, 0.9999, f32::INFINITY),
    ] {
        let embedder = load(&gpu, |options| options.model.weight_type = dtype);
        let found = embedder.embeddings(&reference.texts).unwrap();
        assert!(found.len() >= 20);
        for ((text, embedding), expected) in reference
            .texts
            .iter()
            .zip(&found)
            .zip(reference.rows("embeddings"))
        {
            let cosine = cosine(&embedding.values, expected);
            assert!(cosine >= least_cosine, "{dtype} {text:?}: cosine {cosine}");
            let difference = max_difference(&embedding.values, expected);
            assert!(
                difference <= most_difference,
                "{dtype} {text:?}: difference {difference}"
            );
        }
        let tokens: Vec<usize> = found.iter().map(|embedding| embedding.tokens).collect();
        assert_eq!(tokens, reference.token_counts);
    }
}

#[test]
fn every_pooling_agrees_with_transformers() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    for (name, pooling) in [
        ("mean", Pooling::Mean),
        ("max", Pooling::Max),
        ("cls", Pooling::Cls),
        ("last", Pooling::Last),
    ] {
        let embedder = load(&gpu, |options| {
            options.pooling = Some(pooling);
            options.normalize = Some(false);
        });
        let found = embedder.embed(&reference.texts).unwrap();
        for ((text, found), expected) in
            reference.texts.iter().zip(&found).zip(reference.rows(name))
        {
            // Hidden states reach about 10, and are not brought to length 1.
            let difference = max_difference(found, expected);
            assert!(difference <= 1e-4, "{name} {text:?}: {difference}");
        }
    }
}

#[test]
fn hidden_states_agree_with_transformers() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, |options| options.per_token = true);
    let expected = &reference.tensors["hidden"];
    let mut found = Vec::new();
    for embedding in embedder.embeddings(&reference.texts).unwrap() {
        if found.len() < expected.len() {
            found.extend(embedding.values);
        }
    }
    let difference = max_difference(&found, expected);
    assert!(difference <= 1e-4, "{difference}");
}

/// To the bit: alone, in one batch with all others, in another order, in batches of another size.
#[test]
fn a_result_does_not_depend_on_the_batch() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    for dtype in [WeightType::F32, WeightType::F16] {
        let with_budget = |tokens| {
            load(&gpu, |options| {
                options.model.weight_type = dtype;
                options.model.batch_tokens = Some(tokens);
            })
        };
        let together = with_budget(2000).embed(&reference.texts).unwrap();
        let small = with_budget(100);
        assert_eq!(small.embed(&reference.texts).unwrap(), together);
        let reversed: Vec<&String> = reference.texts.iter().rev().collect();
        let mut backwards = small.embed(&reversed).unwrap();
        backwards.reverse();
        assert_eq!(backwards, together);
        for (text, expected) in reference.texts.iter().zip(&together) {
            assert_eq!(
                &small.embed(&[text]).unwrap()[0],
                expected,
                "{text:?} alone"
            );
        }
    }
}

#[test]
fn many_threads_share_one_model() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, |_| ());
    let texts = &reference.texts[..6];
    let expected = embedder.embed(texts).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| embedder.embed(texts).unwrap()))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

/// Any executor may move the work between its threads.
#[test]
fn models_and_their_futures_go_where_they_are_needed() {
    fn is_shared<T: Send + Sync>() {}
    fn is_send<T: Send>(_: &T) {}
    is_shared::<wgformer::Gpu>();
    is_shared::<Model>();
    is_shared::<Embedder>();
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, |_| ());
    is_send(&embedder.embed_async(&["a cat"]));
}

#[test]
fn a_dropped_future_leaves_the_model_usable() {
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, |_| ());
    let expected = embedder.embed(&["a cat"]).unwrap();
    {
        let mut future = std::pin::pin!(embedder.embed_async(&["a dog", "a bird"]));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // A fast device may be done already; most are not.
        let _ = future.as_mut().poll(&mut context);
    }
    assert_eq!(embedder.embed(&["a cat"]).unwrap(), expected);
}

#[test]
fn what_is_out_of_range_is_refused_before_it_reaches_the_device() {
    let (gpu, _turn) = common::gpu();
    Reference::read();
    let head = Head::Pooled {
        pooling: Pooling::Mean,
        normalize: true,
    };
    let model = Model::load(&gpu, Path::new(MODEL), head, 256, &ModelOptions::default()).unwrap();
    let run = |ids: &[u32], types: &[u32]| {
        let mut batch = Batch::new();
        batch.push(ids, types);
        model.run(&batch).map_err(|error| error.to_string())
    };
    assert_eq!(run(&[101, 30521, 102], &[0, 0, 1]).unwrap().len(), 384);
    assert_eq!(
        run(&[], &[]).unwrap(),
        vec![0.0; 384],
        "a sequence without tokens"
    );
    assert!(
        model.run(&Batch::new()).unwrap().is_empty(),
        "a batch without sequences"
    );
    let error = run(&[101, 30522], &[0, 0]).unwrap_err();
    assert!(error.contains("ids") && error.contains("30522"), "{error}");
    let error = run(&[101, 102], &[0, 2]).unwrap_err();
    assert!(error.contains("types"), "{error}");
    let error = run(&[7; 257], &[0; 257]).unwrap_err();
    assert!(
        error.contains("257 tokens in one sequence") && error.contains("256"),
        "{error}"
    );
}

/// The default model's plan: which dispatches run, on which slots.
#[test]
fn the_plan_of_the_default_model() {
    Reference::read();
    let (gpu, _turn) = common::gpu();
    let head = Head::Pooled {
        pooling: Pooling::Mean,
        normalize: true,
    };
    let graph = Model::graph(Path::new(MODEL), head).unwrap();
    insta::assert_snapshot!("graph", wgformer::plan::fuse(&graph).to_string());

    let checkpoint = wgformer::models::Checkpoint::open(Path::new(MODEL)).unwrap();
    let mut options = PlanOptions::new(Sizes {
        tokens: 1024,
        sequences: 64,
        longest: 256,
    });
    // The portable kernels, so that the snapshot is the same on every adapter.
    options.selection = wgformer::tuning::Selection::Kernels(vec!["linear_tile", "attention"]);
    options.storage = Some(wgformer::kernel::Storage::Buffers);
    let plan = Plan::compile(&gpu, &graph, &checkpoint, &options).unwrap();
    let per_layer = (plan.variants().len() - 2) / 6; // without embeddings and pooling
    assert!(per_layer <= 8, "{per_layer} dispatches per layer");
    insta::assert_snapshot!("plan", plan.to_string());
}
