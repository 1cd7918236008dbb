//! Every family's heads against Hugging Face transformers, whose logits `tests/data/heads.py` wrote; a folder that is
//! added there is tested here.

mod common;
#[path = "common/expected.rs"]
mod expected;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use wgformer::models::{Batch, FAMILIES, Family, Head, MaskedLm, Model, ModelOptions, Network};
use wgformer::plan::{Value, interpret};
use wgformer::tensor::{Sizes, Tensor};

/// The largest difference from what Hugging Face computes.
const BOUND: f32 = 5e-4;

struct Checkpoint {
    directory: PathBuf,
    expected: HashMap<String, Tensor>,
}

impl Checkpoint {
    fn head(&self) -> Option<Head> {
        let name = self.directory.file_name().unwrap().to_str().unwrap();
        let heads = [
            ("-sequences", Head::SequenceClassification),
            ("-tokens", Head::TokenClassification),
            ("-spans", Head::QuestionAnswering),
        ];
        let (_, head) = heads.into_iter().find(|(end, _)| name.ends_with(end))?;
        Some(head)
    }

    fn batch(&self) -> Batch {
        let integers = |name: &str| self.expected[name].u32();
        let mut batch = Batch::new();
        for pair in integers("offsets").windows(2) {
            let tokens = pair[0] as usize..pair[1] as usize;
            batch.push(&integers("ids")[tokens.clone()], &integers("types")[tokens]);
        }
        batch
    }

    fn check(&self, found: &[f32]) {
        let difference = expected::max_difference(found, self.expected["logits"].f32());
        let name = self.directory.display();
        assert!(difference <= BOUND, "{name}: {difference}");
    }
}

fn checkpoints() -> Vec<Checkpoint> {
    let entries = std::fs::read_dir("tests/data/heads").unwrap();
    let mut directories: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    assert!(directories.len() > 40);
    let checkpoint = |directory: PathBuf| Checkpoint {
        expected: expected::read(&directory.join("expected.safetensors")),
        directory,
    };
    directories.into_iter().map(checkpoint).collect()
}

#[test]
fn the_gpu_agrees_with_hugging_face() {
    let (gpu, _turn) = common::gpu();
    let options = ModelOptions::default();
    for checkpoint in checkpoints() {
        let (batch, directory) = (checkpoint.batch(), &checkpoint.directory);
        let found = match checkpoint.head() {
            Some(head) => {
                let model = Model::load(&gpu, directory, head, usize::MAX, &options).unwrap();
                model.run(&batch).unwrap()
            }
            None => {
                let model = MaskedLm::load(&gpu, directory, usize::MAX, &options).unwrap();
                let places: Vec<usize> = (0..batch.sizes().tokens).collect();
                model.run(&batch, &places).unwrap()
            }
        };
        checkpoint.check(&found);
    }
}

/// The specification itself.
#[test]
fn the_reference_functions_agree_with_hugging_face() {
    for checkpoint in checkpoints() {
        let (batch, directory) = (checkpoint.batch(), &checkpoint.directory);
        let head = checkpoint.head().unwrap_or(Head::HiddenStates);
        let network = Network::open(directory, head).unwrap();
        let adapted = network.encoder.adapt(&batch);
        let values = adapted.values(&network.graph).unwrap();
        let mut found = interpreted(&network, &batch.sizes(), &values);
        if checkpoint.head().is_none() {
            let head = Network::open_masked_lm(directory).unwrap();
            found = interpreted(&head, &batch.sizes(), &[Value::F32(&found)]);
        }
        checkpoint.check(&found);
    }
}

/// Both ways: what is listed is checked, and what is checked is listed.
#[test]
fn a_familys_heads_are_those_that_are_checked() {
    let checkpoints = checkpoints();
    let names: Vec<_> = checkpoints
        .iter()
        .map(|it| it.directory.file_name().unwrap().to_str().unwrap())
        .collect();
    let ends = ["-masked-lm", "-sequences", "-tokens", "-spans"];
    for family in FAMILIES {
        let of = match family.model_type {
            "new" => "gte", // the same under the name of the hub
            model_type => model_type,
        };
        let is_checked = |end: &str| names.contains(&&*format!("{of}{end}"));
        for (head, end) in Family::HEADS.iter().zip(ends) {
            let is_listed = family.heads.contains(head);
            assert_eq!(is_listed, is_checked(end), "{head} of {}", family.name);
        }
    }
}

fn interpreted(network: &Network, sizes: &Sizes, values: &[Value<'_>]) -> Vec<f32> {
    let (graph, weights) = (&network.graph, &*network.weights);
    let tensors = interpret(graph, weights, sizes, values).unwrap();
    let output = &tensors[&graph.output().unwrap()];
    let padded = output.shape()[1];
    let rows = output.f32().chunks_exact(padded);
    rows.flat_map(|row| row[..network.columns].to_vec())
        .collect()
}

#[test]
fn a_checkpoint_without_a_head_is_refused_by_the_tensor_that_is_missing() {
    let plain = Path::new("tests/data/tiny/plain");
    let error = Network::open(plain, Head::SequenceClassification).unwrap_err();
    assert!(error.to_string().contains("classifier.weight"), "{error}");
    let error = Network::open_masked_lm(plain).unwrap_err();
    assert!(error.to_string().contains("cls.predictions"), "{error}");
}
