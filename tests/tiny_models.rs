//! Tiny models with every option that the engine has, against Hugging Face transformers and sentence-transformers,
//! whose outputs `tests/data/tiny_models.py` wrote; a model that is added there is tested here.

#![expect(clippy::print_stdout, reason = "a table for the documentation")]

mod common;
#[path = "common/expected.rs"]
mod expected;
#[path = "common/interpreter.rs"]
mod interpreter;
#[path = "common/tiny_models.rs"]
mod tiny_models;

use std::collections::HashMap;
use std::path::PathBuf;

use wgformer::Gpu;
use wgformer::models::{Batch, Head, Model, ModelOptions, Network};
use wgformer::ops::Pooling;
use wgformer::tensor::{Tensor, WeightType};

/// A directory, and what was computed with it.
struct TinyModel {
    directory: PathBuf,
    expected: HashMap<String, Tensor>,
}

impl TinyModel {
    fn read(directory: PathBuf) -> Self {
        let expected = expected::read(&directory.join("expected.safetensors"));
        Self {
            directory,
            expected,
        }
    }

    fn integers(&self, name: &str) -> &[u32] {
        self.expected[name].u32()
    }

    /// All sequences.
    fn batch(&self) -> Batch {
        let mut batch = Batch::new();
        for pair in self.integers("offsets").windows(2) {
            let tokens = pair[0] as usize..pair[1] as usize;
            let (ids, types) = (self.integers("ids"), self.integers("types"));
            batch.push(&ids[tokens.clone()], &types[tokens]);
        }
        batch
    }

    fn run_on_gpu(&self, gpu: &Gpu, head: Head, weight_type: WeightType) -> Vec<f32> {
        let mut options = ModelOptions::default();
        options = options.weight_type(weight_type);
        let model = Model::load(gpu, &self.directory, head, usize::MAX, &options).unwrap();
        model.run(&self.batch()).unwrap()
    }

    fn run_on_reference(&self, head: Head) -> Vec<f32> {
        interpreter::run(&self.directory, head, &self.batch())
    }
}

fn models() -> impl Iterator<Item = TinyModel> {
    tiny_models::directories().into_iter().map(TinyModel::read)
}

/// Every head, and the name of its result.
fn heads() -> Vec<(String, Head)> {
    let mut heads = vec![("hidden".to_owned(), Head::HiddenStates)];
    for (name, pooling) in [
        ("mean", Pooling::Mean),
        ("max", Pooling::Max),
        ("cls", Pooling::Cls),
        ("lasttoken", Pooling::Last),
    ] {
        for (suffix, normalize) in [("", false), ("_normalized", true)] {
            heads.push((
                format!("{name}{suffix}"),
                Head::Pooled { pooling, normalize },
            ));
        }
    }
    heads
}

/// Compares every head of every model.
fn agree_with_hugging_face(run: impl Fn(&TinyModel, Head) -> Vec<f32>) {
    for model in models() {
        for (name, head) in heads() {
            let expected = model.expected[&name].f32();
            let difference = expected::max_difference(&run(&model, head), expected);
            let directory = model.directory.display();
            let allowed = difference <= tiny_models::BOUND;
            assert!(allowed, "{directory}, {name}: {difference}");
        }
    }
}

#[test]
fn the_gpu_agrees_with_hugging_face() {
    let (gpu, _turn) = common::gpu();
    agree_with_hugging_face(|model, head| model.run_on_gpu(&gpu, head, WeightType::F32));
}

/// The specification itself.
#[test]
fn the_reference_functions_agree_with_hugging_face() {
    agree_with_hugging_face(TinyModel::run_on_reference);
}

/// Prints the table of docs/accuracy.md, with --nocapture.
#[test]
fn smaller_weights_keep_the_direction_of_every_hidden_state() {
    let (gpu, _turn) = common::gpu();
    let docs = std::fs::read_to_string("docs/accuracy.md").unwrap();
    let mut missing = Vec::new();
    for model in models() {
        let expected = &model.expected["hidden"];
        let name = model.directory.file_name().unwrap().to_string_lossy();
        let mut row = format!("| `{name}` |");
        let is_listed = docs.lines().any(|line| line.starts_with(&row));
        for (weight_type, least) in [(WeightType::F16, 0.9999), (WeightType::I8, 0.995)] {
            let found = model.run_on_gpu(&gpu, Head::HiddenStates, weight_type);
            assert_eq!(found.len(), expected.f32().len());
            let rows = found.chunks_exact(expected.cols()).zip(expected.rows());
            let cosine = rows.map(|(found, expected)| cosine(found, expected));
            let cosine = cosine.fold(1.0, f32::min);
            assert!(cosine >= least, "{name} {weight_type}: {cosine}");
            let difference = expected::max_difference(&found, expected.f32());
            row += &format!(" {cosine:.6} | {difference:.4} |");
        }
        println!("{row}");
        if !is_listed {
            missing.push(row);
        }
    }
    assert!(missing.is_empty(), "docs/accuracy.md lacks {missing:#?}");
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// What follows a product element by element, the turning of query and key and the gate are done in its kernel; beside
/// the layers there are the embeddings and, where norms come first, the one that the first layer lacks or that follows the last; a convolution is
/// three: neighbours side by side, their linear layer with its activation and the sum, and a norm.
#[test]
fn a_layer_takes_at_most_seven_dispatches() {
    for (name, others, layers) in [
        ("deberta-v2", 1, 2),
        ("deberta-v2-with-convolution", 1 + 3, 2),
        ("deberta-v3", 1, 2),
        ("gte", 1, 2),
        ("gte-as-published", 1, 2),
        ("jina-bert", 1, 2),
        ("jina-embeddings-v3", 1, 2),
        ("modernbert", 1, 4),
        ("nomic-bert", 1, 2),
        ("plain", 1, 2),
        ("torch-encoder", 1, 2),
        ("torch-encoder-causal-pre-norm", 1 + 1, 2),
    ] {
        let directory = PathBuf::from("tests/data/tiny").join(name);
        let network = Network::open(&directory, Head::HiddenStates).unwrap();
        let fused = wgformer::plan::fuse(&network.graph);
        assert_eq!(fused.nodes().len(), others + 7 * layers, "{name}: {fused}");
    }
}
