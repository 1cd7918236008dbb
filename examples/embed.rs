//! Texts to vectors, and which of them are alike.
//!
//! `make model`, then `cargo run --release --example embed`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use wgformer::models::ModelOptions;
use wgformer::tasks::{Embedder, EmbedderOptions};
use wgformer::tensor::WeightType;
use wgformer::{Gpu, plan::Control};

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

    let told = |progress: wgformer::plan::Progress| {
        println!("{} of {} texts", progress.done, progress.total);
    };
    let vectors = embedder.embed_with(&TEXTS, Control::new().progress(told))?;
    for (text, vector) in TEXTS.iter().zip(&vectors) {
        let cosine =
            |other: &Vec<f32>| -> f32 { vector.iter().zip(other).map(|(a, b)| a * b).sum() };
        let cosines: Vec<String> = vectors
            .iter()
            .map(|other| format!("{:5.2}", cosine(other)))
            .collect();
        println!("{}  {text}", cosines.join(" "));
    }

    let memory = embedder.model().memory();
    println!(
        "{} MiB of weights, {} MiB for each run",
        memory.weights >> 20,
        memory.per_run() >> 20
    );
    let cosine = |a: usize, b: usize| -> f32 {
        vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum()
    };
    if cosine(0, 1) <= cosine(0, 2) || cosine(2, 3) <= cosine(1, 3) {
        return Err("texts that mean the same are not nearest".into());
    }
    Ok(())
}
