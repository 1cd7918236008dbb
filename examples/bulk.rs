//! Many texts from a file to vectors on disk, in memory that does not grow with their number.
//!
//! `cargo run --release --example bulk` streams the example sentences, repeated, through the default model, writes
//! JSON lines to a temporary folder, and checks that nothing is lost and nothing is other than it is alone.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};

use serde_json::{Value, json};
use wgformer::tasks::StreamOptions;
use wgformer::{Embedder, Gpu};

type Failure = Box<dyn Error + Send + Sync>;

const SENTENCES: &str = "examples/sentences.txt";
const REPEATED: usize = 8;

#[expect(clippy::print_stdout, reason = "an example says what it did")]
fn main() -> Result<(), Failure> {
    let gpu = Gpu::new()?;
    let embedder = Embedder::load(&gpu, "models/all-MiniLM-L6-v2")?;
    let folder = std::env::temp_dir().join(format!("wgformer-bulk-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = folder.join("embeddings.jsonl");

    // Each line is read when the stages after it have room for more. What fails here comes out below, in its place.
    let lines = (0..REPEATED).flat_map(|_| match File::open(SENTENCES) {
        Ok(file) => Box::new(BufReader::new(file).lines()) as Box<dyn Iterator<Item = _> + Send>,
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    let lines = lines.map(|line| line.map_err(Failure::from));
    let mut output = BufWriter::new(File::create(&path)?);
    let mut written = 0;
    for item in embedder.stream(lines, &StreamOptions::default()) {
        let (text, embedding) = item?;
        let line = json!({ "text": text, "embedding": embedding.values });
        writeln!(output, "{line}")?;
        written += 1;
    }
    output.into_inner()?.sync_all()?;

    let read = fs::read_to_string(&path)?;
    let last: Value = serde_json::from_str(read.lines().last().ok_or("nothing was written")?)?;
    let text = last["text"].as_str().ok_or("a line has no text")?;
    let vector: Vec<f32> = serde_json::from_value(last["embedding"].clone())?;
    let expected = REPEATED * fs::read_to_string(SENTENCES)?.lines().count();
    if (written, read.lines().count()) != (expected, expected) {
        return Err(format!("{written} of {expected} lines came out").into());
    }
    if embedder.embed([text])? != [vector] {
        return Err(format!("{text:?} has another vector alone").into());
    }
    println!(
        "{written} lines of {} numbers are right",
        embedder.dimensions()
    );
    fs::remove_dir_all(&folder)?;
    Ok(())
}
