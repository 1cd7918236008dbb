//! A model within limits that an application sets, which outlives its device: what it may take of memory and of the
//! device's time, what is compiled kept for the next start, and the same bits on another device.
//!
//! `make model`, then `cargo run --release --example robust`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::{Duration, Instant};

use wgformer::models::ModelOptions;
use wgformer::tasks::EmbedderOptions;
use wgformer::{Embedder, Gpu};

const MODEL: &str = "models/all-MiniLM-L6-v2";

const TEXTS: [&str; 3] = [
    "A driver was updated while the application ran.",
    "Somebody pulled the plug of the graphics card.",
    "The laptop went to sleep and woke up again.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = open()?;

    // What it would take is known before anything is allocated; with less, batches are smaller.
    let of_model = |model: ModelOptions| EmbedderOptions::default().model(model);
    let limits = ModelOptions::default().submit_time(Duration::from_millis(20));
    let whole = Embedder::memory_needed(&gpu, MODEL, &of_model(limits.clone()))?;
    let budget = whole.weights + whole.per_run() / 2;
    let options = of_model(limits.memory_budget(budget));
    let needed = Embedder::memory_needed(&gpu, MODEL, &options)?;
    println!(
        "{} bytes without a budget, {} within one of {budget}",
        whole.total(),
        needed.total()
    );

    let embedder = Embedder::load_with(&gpu, MODEL, &options)?;
    let start = Instant::now();
    embedder.model().warm_up()?; // before anybody waits for it
    println!("warm after {:?}", start.elapsed());
    let expected = embedder.embed(TEXTS)?;
    let taken = embedder.model().memory().total();
    if taken > budget {
        return Err(format!("{taken} bytes were taken, of {budget}").into());
    }

    let too_small = of_model(ModelOptions::default().memory_budget(1 << 20));
    match Embedder::load_with(&gpu, MODEL, &too_small).map(drop) {
        Err(error @ wgformer::Error::Limit { .. }) => println!("{error}"),
        other => return Err(format!("it does not fit a mebibyte: {other:?}").into()),
    }

    // As a driver's reset would, this takes the device away from under the model.
    gpu.device().destroy();
    match embedder.embed(TEXTS) {
        Err(error @ wgformer::Error::DeviceLost { .. }) => println!("{error}"),
        other => return Err(format!("the device is gone: {other:?}").into()),
    }

    // From the files, which are still mapped, with the same options.
    let start = Instant::now();
    let embedder = embedder.recover(&open()?)?;
    println!("recovered after {:?}", start.elapsed());
    if embedder.embed(TEXTS)? != expected {
        return Err("the vectors differ from those before".into());
    }
    println!("the vectors are those of before, to the bit");
    Ok(())
}

/// Where drivers keep nothing themselves, what they compile is in a folder of the application's.
fn open() -> wgformer::Result<Gpu> {
    let folder = std::env::temp_dir().join("wgformer-example");
    Ok(Gpu::new()?.pipelines_kept_in(folder))
}
