//! The real default model against Hugging Face transformers and sentence-transformers, whose outputs
//! `tests/data/reference.py` wrote.

#![expect(clippy::print_stderr, reason = "a test's report")]

mod common;
#[path = "common/default_model.rs"]
mod default_model;
#[path = "common/expected.rs"]
mod expected;
#[path = "common/interpreter.rs"]
mod interpreter;

use std::collections::HashMap;
use std::path::Path;

use expected::max_difference;

use wgformer::kernel::{Kernel, Storage};
use wgformer::models::{Batch, Head, Model, ModelOptions, Network};
use wgformer::ops::{KERNELS, Pooling};
use wgformer::plan::{Plan, PlanOptions};
use wgformer::tasks::{Embedder, EmbedderOptions, cosine};
use wgformer::tensor::{Sizes, Tensor, WeightType};
use wgformer::tuning::Selection;

/// What the reference script wrote.
struct Reference {
    texts: Vec<String>,
    token_counts: Vec<usize>,
    tensors: HashMap<String, Tensor>,
}

impl Reference {
    fn read() -> Self {
        let token_counts = default_model::report()["token_counts"].clone();
        Self {
            texts: default_model::texts(),
            token_counts: serde_json::from_value(token_counts).unwrap(),
            tensors: expected::read(Path::new("tests/data/all-MiniLM-L6-v2.safetensors")),
        }
    }

    fn rows(&self, name: &str) -> impl Iterator<Item = &[f32]> {
        self.tensors[name].rows()
    }
}

fn load(gpu: &wgformer::Gpu, options: &EmbedderOptions) -> Embedder {
    Embedder::load_with(gpu, default_model::directory(), options).unwrap()
}

#[test]
fn embeddings_agree_with_sentence_transformers() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    for (dtype, least_cosine, most_difference) in [
        (WeightType::F32, 0.99999, 1e-4),
        (WeightType::F16, 0.9999, f32::INFINITY),
        (WeightType::I8, 0.995, f32::INFINITY),
    ] {
        let embedder = load(
            &gpu,
            &EmbedderOptions::default().model(ModelOptions::default().weight_type(dtype)),
        );
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

/// The shortest texts are the furthest from f32, those of punctuation above all.
#[test]
fn int8_is_close_to_f32_on_the_texts_that_it_is_worst_for() {
    const TEXTS: [&str; 12] = [
        "!.]", "!]", "])", ".]", "!!", ",]", "!/", "/]", "+]", "!.", "!", "]",
    ];
    let (gpu, _turn) = common::gpu();
    let [expected, found] = [WeightType::F32, WeightType::I8].map(|dtype| {
        let model = ModelOptions::default().weight_type(dtype);
        let embedder = load(&gpu, &EmbedderOptions::default().model(model));
        embedder.embed(TEXTS).unwrap()
    });
    for ((text, found), expected) in TEXTS.iter().zip(&found).zip(&expected) {
        let cosine = cosine(found, expected);
        assert!(cosine >= 0.9955, "{text:?}: cosine {cosine}");
    }
}

/// Where the adapter has them, though a software one would not choose them.
#[test]
fn cooperative_matrices_agree_with_sentence_transformers_in_any_batch() {
    let reference = Reference::read();
    let (gpu, _turn) = common::gpu();
    let directory = default_model::directory();
    let head = Head::Pooled {
        pooling: Pooling::Mean,
        normalize: true,
    };
    let network = Network::open(directory, head).unwrap();
    let (graph, checkpoint) = (network.graph, network.weights);
    let (ids, offsets) = (
        &reference.tensors["ids"],
        &reference.tensors["hidden_offsets"],
    );
    let texts: Vec<&[u32]> = offsets
        .u32()
        .windows(2)
        .map(|ends| &ids.u32()[ends[0] as usize..ends[1] as usize])
        .collect();
    let of = |texts: &[&[u32]]| {
        let mut batch = Batch::new();
        texts
            .iter()
            .for_each(|ids| batch.push(ids, &vec![0; ids.len()]));
        batch
    };
    let all = of(&texts);
    for size in [8, 16] {
        let of_size = |kernel: &&&Kernel| kernel.cooperative_matrix == Some(size);
        let kernels = Vec::from_iter(KERNELS.iter().filter(of_size));
        if let Some(obstacle) = gpu.capabilities().obstacle(kernels[0]) {
            eprintln!("left to other adapters: {size} x {size}, since {obstacle}");
            continue;
        }
        let mut options = PlanOptions::new(all.sizes());
        options = options.weight_type(WeightType::F16);
        let names = kernels.iter().map(|kernel| kernel.name);
        options = options.selection(Selection::default().named(names));
        options = options.storage(Storage::Buffers);
        let plan = Plan::compile(&gpu, &graph, checkpoint.clone(), &options).unwrap();
        let sizes = all.sizes();
        let variants = plan.variants(&sizes);
        let cooperative = variants.filter(|variant| of_size(&&variant.kernel));
        assert_eq!(cooperative.count(), (4 + 1) * 6); // four linear layers and attention

        let run = |batch: &Batch| {
            let values = batch.values(plan.graph()).unwrap();
            plan.run(&batch.sizes(), &values).unwrap()
        };
        let together = run(&all);
        let expected = reference.rows("embeddings");
        for ((ids, found), expected) in texts.iter().zip(together.chunks(384)).zip(expected) {
            let cosine = cosine(found, expected);
            assert!(cosine >= 0.9999, "{size} x {size}: cosine {cosine}");
            assert_eq!(run(&of(&[ids])), found, "{size} x {size}");
        }
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
        let embedder = load(
            &gpu,
            &EmbedderOptions::default().pooling(pooling).normalize(false),
        );
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
    let embedder = load(&gpu, &EmbedderOptions::default().per_token(true));
    let expected = reference.tensors["hidden"].f32();
    let mut found = Vec::new();
    for embedding in embedder.embeddings(&reference.texts).unwrap() {
        if found.len() < expected.len() {
            found.extend(embedding.values);
        }
    }
    let difference = max_difference(&found, expected);
    assert!(difference <= 1e-4, "{difference}");
}

/// The specification itself, without a GPU: the first text on the reference functions.
#[test]
fn the_reference_functions_agree_with_transformers() {
    let reference = Reference::read();
    let tokens = reference.tensors["hidden_offsets"].u32()[1] as usize;
    let ids = &reference.tensors["ids"].u32()[..tokens];
    let expected: Vec<&[f32]> = reference.rows("hidden").take(tokens).collect();
    let mut batch = Batch::new();
    batch.push(ids, &vec![0; tokens]);
    let found = interpreter::run(default_model::directory(), Head::HiddenStates, &batch);
    let difference = max_difference(&found, &expected.concat());
    assert!(difference <= 1e-4, "{difference}");
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
    let embedder = load(&gpu, &EmbedderOptions::default());
    is_send(&embedder.embed_async(&["a cat"]));
}

#[test]
fn a_dropped_future_leaves_the_model_usable() {
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, &EmbedderOptions::default());
    let expected = embedder.embed(["a cat"]).unwrap();
    {
        let mut future = std::pin::pin!(embedder.embed_async(&["a dog", "a bird"]));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // A fast device may be done already; most are not.
        let _ = future.as_mut().poll(&mut context);
    }
    assert_eq!(embedder.embed(["a cat"]).unwrap(), expected);
}

#[test]
fn what_is_out_of_range_is_refused_before_it_reaches_the_device() {
    let (gpu, _turn) = common::gpu();
    let head = Head::Pooled {
        pooling: Pooling::Mean,
        normalize: true,
    };
    let model = Model::load(
        &gpu,
        default_model::directory(),
        head,
        256,
        &ModelOptions::default(),
    )
    .unwrap();
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
    let (gpu, _turn) = common::gpu();
    let head = Head::Pooled {
        pooling: Pooling::Mean,
        normalize: true,
    };
    let network = Network::open(default_model::directory(), head).unwrap();
    let (graph, checkpoint) = (network.graph, network.weights);
    insta::assert_snapshot!("graph", wgformer::plan::fuse(&graph).to_string());

    let mut options = PlanOptions::new(Sizes {
        tokens: 1024,
        sequences: 64,
        longest: 256,
    });
    // The portable kernels, so that the snapshot is the same on every adapter.
    options = options.selection(Selection::default().named(["linear_small 8x64"]));
    options = options.storage(Storage::Buffers);
    let plan = Plan::compile(&gpu, &graph, checkpoint.clone(), &options).unwrap();
    let per_layer = (plan.variants(plan.capacity()).len() - 2) / 6; // without embeddings and pooling
    assert_eq!(per_layer, 7, "dispatches of a post-norm layer");
    insta::assert_snapshot!("plan", plan.to_string());
}
