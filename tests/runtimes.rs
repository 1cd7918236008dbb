//! Futures of the engine under the runtimes that applications have: none needs another, none is blocked, and no thread
//! spins.

mod common;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use async_executor::LocalExecutor;
use wgformer::tasks::{EmbedderOptions, StreamOptions};
use wgformer::{Embedder, Gpu, Result};

const MODEL: &str = "tests/data/tiny/plain";

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|place| format!("a cat {place}")).collect()
}

/// Loads a model and runs all that can be awaited of it.
async fn vectors(gpu: Gpu) -> Result<Vec<Vec<f32>>> {
    let embedder = Embedder::load_async(&gpu, MODEL, &EmbedderOptions::default()).await?;
    embedder.model().warm_up_async().await?;
    let vectors = embedder.embed_async(&texts(300)).await?;
    let lines = texts(300).into_iter().map(Ok);
    let mut stream = embedder.stream(lines, &StreamOptions::default().window_batches(1));
    let mut streamed = Vec::new();
    while let Some(embedded) = stream.next_async().await {
        let (_, embedding): (String, _) = embedded?;
        streamed.push(embedding.values);
    }
    assert!(streamed == vectors);
    Ok(vectors)
}

fn expected(gpu: &Gpu) -> Vec<Vec<f32>> {
    let embedder = Embedder::load(gpu, MODEL).unwrap();
    embedder.embed(&texts(300)).unwrap()
}

#[test]
fn tokio_runs_many_at_once_on_its_threads() {
    let (gpu, _turn) = common::gpu();
    let expected = expected(&gpu);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| runtime.spawn(vectors(gpu.clone())))
        .collect();
    for task in tasks {
        assert!(runtime.block_on(task).unwrap().unwrap() == expected);
    }
}

#[test]
fn on_one_thread_others_have_their_turn_meanwhile() {
    let (gpu, _turn) = common::gpu();
    let expected = expected(&gpu);
    let (turns, is_done) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let other = {
        let (turns, is_done) = (Arc::clone(&turns), Arc::clone(&is_done));
        async move {
            while !is_done.load(Ordering::Relaxed) {
                turns.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1)); // a frame
                tokio::task::yield_now().await;
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let other = runtime.spawn(other);
    let found = runtime.block_on(vectors(gpu.clone())).unwrap();
    is_done.store(true, Ordering::Relaxed);
    runtime.block_on(other).unwrap();
    assert!(found == expected);
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns > 20, "{turns}");
}

/// Whether it was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Long texts are few, and take as long to tokenise as many short ones.
#[test]
fn others_have_their_turn_between_long_texts() {
    let (gpu, _turn) = common::gpu();
    let embedder = Embedder::load(&gpu, MODEL).unwrap();
    let texts = vec!["a cat ".repeat(2_000); 40];
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut embed = pin!(embedder.embed_async(&texts));
    let mut turns = 0;
    // It wakes itself until all is tokenised.
    while embed
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
        && woken.0.swap(false, Ordering::Relaxed)
    {
        turns += 1;
    }
    assert!(turns >= 10, "{turns}");
}

#[test]
fn the_executor_of_bevys_tasks_runs_them() {
    let (gpu, _turn) = common::gpu();
    let executor = LocalExecutor::new();
    let task = executor.spawn(vectors(gpu.clone()));
    let found = pollster::block_on(executor.run(task)).unwrap();
    assert!(found == expected(&gpu));
}

/// What the engine's own threads have computed so far.
#[cfg(target_os = "linux")]
fn own_threads() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let times = threads.filter_map(|thread| {
        // `pid (name) state …`, of which the 14th and the 15th are ticks for the thread and for the system.
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.map(|it| it.parse::<u32>().unwrap()).sum();
        name.starts_with("wgformer").then_some(ticks)
    });
    times.sum::<u32>() * TICK
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_spins() {
    let (gpu, _turn) = common::gpu();
    let embedder = Embedder::load(&gpu, MODEL).unwrap();
    let texts = texts(200);
    let (start, before) = (Instant::now(), own_threads());
    while start.elapsed() < Duration::from_secs(1) {
        pollster::block_on(embedder.embed_async(&texts)).unwrap();
    }
    let (waited, computed) = (start.elapsed(), own_threads() - before);
    assert!(
        computed < waited / 8,
        "{computed:?} of {waited:?} that it waited"
    );

    let before = own_threads();
    std::thread::sleep(Duration::from_secs(1));
    let computed = own_threads() - before;
    assert!(computed < Duration::from_millis(30), "{computed:?} at rest");
}
