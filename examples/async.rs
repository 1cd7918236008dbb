//! Many requests at once on one model: tasks of an async runtime, deadlines, a request that is dropped.
//!
//! The engine has no runtime of its own. Here threads park until their future is done (`pollster`), and one executor, of
//! which a game's tasks are made too (`async-executor`), has tasks that can be dropped; tokio does as well.
//!
//! `make model`, then `cargo run --release --example async`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::thread;
use std::time::Duration;

use async_executor::LocalExecutor;
use wgformer::plan::Control;
use wgformer::{Embedder, Gpu};

const TEXTS: [&str; 3] = [
    "A request that nobody waits for is not computed.",
    "Threads share one model, and one copy of its weights.",
    "Futures complete although nobody polls the device.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new()?;
    let embedder = Embedder::load(&gpu, "models/all-MiniLM-L6-v2")?;
    let expected = embedder.embed(TEXTS)?;

    // Tasks on several threads: a clone is a few pointers.
    let tasks = (0..6).map(|task| {
        let embedder = embedder.clone();
        thread::spawn(move || {
            let text = TEXTS[task % TEXTS.len()];
            let vector = pollster::block_on(embedder.embed_async(&[text]))?;
            Ok((task % TEXTS.len(), vector))
        })
    });
    let tasks: Vec<thread::JoinHandle<wgformer::Result<_>>> = tasks.collect();
    for task in tasks {
        let (place, vector) = task.join().expect("no task panics")?;
        if vector[0] != expected[place] {
            return Err("a text's vector depends on who else asks".into());
        }
    }
    println!("6 tasks got the vectors that one call gives, to the bit");

    // A task that is dropped submits nothing more, however far it is; nor does one whose time is up.
    let executor = LocalExecutor::new();
    let request = executor.spawn(embedder.embed_async(&TEXTS));
    let other = executor.spawn(embedder.embed_async(&TEXTS));
    pollster::block_on(executor.tick()); // the first step of one of them
    drop(request);
    if pollster::block_on(executor.run(other))? != expected {
        return Err("the task beside it is not what it was".into());
    }
    println!("a task was dropped, and the one beside it is done");
    let none = Control::new().timeout(Duration::ZERO);
    match pollster::block_on(embedder.embed_with_async(&TEXTS, none)) {
        Err(error @ wgformer::Error::Deadline { .. }) => println!("{error}"),
        other => return Err(format!("a deadline was not kept: {other:?}").into()),
    }
    let some = Control::new().timeout(Duration::from_secs(60));
    if embedder.embed_with(TEXTS, some)? != expected {
        return Err("the model is not what it was".into());
    }
    println!("and the model works on");
    Ok(())
}
