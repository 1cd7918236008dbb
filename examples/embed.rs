//! Texts to vectors, and which of them are alike.
//!
//! `make model`, then `cargo run --release --example embed`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use wgformer::Gpu;
use wgformer::models::ModelOptions;
use wgformer::plan::{Control, Progress};
use wgformer::tasks::{Embedder, EmbedderOptions};
use wgformer::tensor::WeightType;

const TEXTS: [&str; 4] = [
    "A cat sleeps on the warm roof.",
    "The kitten naps where the sun is.",
    "Interest rates rose again in spring.",
    "The bank made loans more expensive.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new()?;
    println!("{}", gpu.capabilities());

    // f16 weights take half the memory; activations stay f32.
    let options =
        EmbedderOptions::default().model(ModelOptions::default().weight_type(WeightType::F16));
    let embedder = Embedder::load_with(&gpu, "models/all-MiniLM-L6-v2", &options)?;
    embedder.model().warm_up()?;

    let told = |progress: Progress| {
        println!("{} of {} texts", progress.done, progress.total);
    };
    let vectors = embedder.embed_with(TEXTS, Control::new().progress(told))?;
    for (text, vector) in TEXTS.iter().zip(&vectors) {
        let cosines = vectors.iter().map(|other| cosine(vector, other));
        let cosines: Vec<String> = cosines.map(|cosine| format!("{cosine:5.2}")).collect();
        println!("{}  {text}", cosines.join(" "));
    }

    let memory = embedder.model().memory();
    println!(
        "{} MiB of weights, {} MiB for each run",
        memory.weights >> 20,
        memory.per_run() >> 20
    );
    let [cat, kitten, rates, loans] = &vectors[..] else {
        return Err("not a vector for each text".into());
    };
    if cosine(cat, kitten) <= cosine(cat, rates) || cosine(rates, loans) <= cosine(kitten, loans) {
        return Err("texts that mean the same are not nearest".into());
    }
    Ok(())
}

/// Of vectors of length 1, as this model gives them.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
