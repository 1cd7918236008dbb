//! Hostile input: each kind of file that a model's directory holds, damaged at random for a bounded time, then read and
//! run. Whatever a file says, the outcome is vectors or a typed error that names it, within memory that the files' size
//! bounds (`subject.rs`); never a panic.
//!
//! `WGFORMER_HOSTILE_SECONDS` is how long each kind of file is tried, `WGFORMER_HOSTILE_SEED` the first case: a case
//! is made of its seed alone, so the seed of a failure is how to see it again.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/generated_model.rs"]
mod generated_model;

mod config;
mod json;
mod known;
mod panics;
mod sentence_transformers;
mod subject;
mod tokenizer;
mod torch;
mod vocabulary;
mod weights;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

use generated_model::GeneratedModel;
use peak_alloc::PeakAlloc;
use subject::{Files, Subject};
use wgformer::verify::Random;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Does one kind of damage to a model's files.
type Damage = fn(&mut Random, &mut Files);

#[test]
fn weights() {
    fuzz("weights", &weights::models(), weights::damage);
}

#[test]
fn torch() {
    fuzz("torch", &torch::models(), torch::damage);
}

#[test]
fn config() {
    fuzz("config", &config::models(), config::damage);
}

#[test]
fn sentence_transformers() {
    let models = [sentence_transformers::model()];
    fuzz(
        "sentence_transformers",
        &models,
        sentence_transformers::damage,
    );
}

#[test]
fn tokenizer() {
    fuzz("tokenizer", &[GeneratedModel::new()], tokenizer::damage);
}

#[test]
fn vocabulary() {
    let mut subject = Subject::new("vocabulary");
    let files = subject.files(&GeneratedModel::new());
    let models = vocabulary::without_tokenizer_json(files);
    fuzz_files("vocabulary", &mut subject, &models, vocabulary::damage);
}

/// Damages one of `models` again and again until the time is over.
fn fuzz(name: &str, models: &[GeneratedModel], damage: Damage) {
    let mut subject = Subject::new(name);
    let models: Vec<Files> = models.iter().map(|model| subject.files(model)).collect();
    fuzz_files(name, &mut subject, &models, damage);
}

#[expect(clippy::print_stderr, reason = "the seeds and what came of them")]
fn fuzz_files(name: &str, subject: &mut Subject, models: &[Files], damage: Damage) {
    for intact in models {
        assert_eq!(subject.attempt("intact", intact), "fine");
    }
    let first: u64 = variable("WGFORMER_HOSTILE_SEED", 0);
    let time = Duration::from_secs(variable("WGFORMER_HOSTILE_SECONDS", 5));
    eprintln!("{name}: from WGFORMER_HOSTILE_SEED={first}");

    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut seed = first;
    let started = Instant::now();
    while started.elapsed() < time || seed == first {
        let mut random = Random::new(seed);
        let mut files = models[random.below(models.len())].clone();
        for _ in 0..=random.below(4) / 2 {
            damage(&mut random, &mut files);
        }
        let outcome = subject.attempt(&format!("WGFORMER_HOSTILE_SEED={seed}"), &files);
        *outcomes.entry(outcome).or_default() += 1;
        seed += 1;
    }

    // The device has survived it all.
    assert_eq!(subject.attempt("intact", &models[0]), "fine");
    eprintln!("{name}: {} cases: {outcomes:?}", seed - first);
    let is_varied = outcomes.contains_key("fine") && outcomes.len() > 2;
    assert!(is_varied || seed - first < 100, "{outcomes:?}");
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(value) => {
            let parsed = value.parse().ok();
            parsed.unwrap_or_else(|| panic!("{name} must be a number, is {value:?}"))
        }
        Err(_) => default,
    }
}
