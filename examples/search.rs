//! Embeds the example sentences, asks which of them are nearest to a question, and keeps them in a file.
//!
//! `make model`, then `cargo run --release --example search`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;

use wgformer::index::{Hit, IndexOptions};
use wgformer::{Embedder, Gpu, Index};

const QUESTIONS: [&str; 2] = [
    "How do I recover from a cold?",
    "What makes the sea rise and fall?",
];

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new()?;
    let embedder = Embedder::load(&gpu, "models/all-MiniLM-L6-v2")?;
    let text = std::fs::read_to_string("examples/sentences.txt")?;
    let sentences: Vec<&str> = text.lines().collect();

    let mut index = Index::new(&gpu, embedder.dimensions(), &IndexOptions::default())?;
    index.add(&embedder.embed(&sentences)?)?;
    let questions = embedder.embed(QUESTIONS)?;
    let found = index.search(&questions, 3)?;
    for (question, hits) in QUESTIONS.iter().zip(&found) {
        println!("{question}");
        for hit in hits {
            println!("  {:.3}  {}", hit.score, sentences[hit.index]);
        }
    }
    check(&found)?;

    let folder = std::env::temp_dir().join(format!("wgformer-search-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let again = save_and_load(
        &gpu,
        &index,
        &questions,
        &folder.join("sentences.safetensors"),
    );
    std::fs::remove_dir_all(&folder)?;
    if again? != found {
        return Err("the index that was loaded finds something else".into());
    }
    println!("the same is found by the index that was saved and loaded");
    Ok(())
}

/// The flu is on line 17, the tides are on line 11.
fn check(found: &[Vec<Hit>]) -> Result<(), String> {
    let nearest: Vec<usize> = found.iter().map(|hits| hits[0].index + 1).collect();
    if nearest == [17, 11] {
        return Ok(());
    }
    Err(format!("lines {nearest:?} were found, not 17 and 11"))
}

fn save_and_load(
    gpu: &Gpu,
    index: &Index,
    questions: &[Vec<f32>],
    path: &Path,
) -> wgformer::Result<Vec<Vec<Hit>>> {
    index.save(path)?;
    Index::load(gpu, path, &IndexOptions::default())?.search(questions, 3)
}
