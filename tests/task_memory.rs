//! What each task takes on its device: said before, the same after, and within a budget that is for all of its parts.
#![expect(clippy::print_stderr, reason = "a test's report")]

mod common;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use wgformer::index::IndexOptions;
use wgformer::models::{MaskedLm, ModelOptions};
use wgformer::plan::Memory;
use wgformer::tasks::{
    Answerer, Classifier, Embedder, EmbedderOptions, Filler, LateInteraction, Reranker,
    SparseEmbedder, Tagger, ZeroShot,
};
use wgformer::{Error, Gpu, Index, Result};

const TEXTS: [&str; 4] = ["a cat", "a dog and a cat", "snow", "the sea and the sun"];

/// Of the vectors of an index.
const COLUMNS: usize = 32;

fn folder(name: &str) -> PathBuf {
    Path::new("tests/data").join(name)
}

/// One kind of task.
struct Task<T> {
    needed: fn(&Gpu, &Path, &ModelOptions) -> Result<Memory>,
    load: fn(&Gpu, &Path, &ModelOptions) -> Result<T>,
    memory: fn(&T) -> Memory,
    warm_up: fn(&T) -> Result<()>,
}

impl<T> Task<T> {
    /// What is said of a folder is so after its pipelines ran once, and the least budget is what an error says.
    fn check(&self, gpu: &Gpu, name: &str) {
        let (folder, options) = (folder(name), ModelOptions::default());
        let said = (self.needed)(gpu, &folder, &options).unwrap();
        let task = (self.load)(gpu, &folder, &options).unwrap();
        assert_eq!((self.memory)(&task).weights, said.weights, "{name}");
        (self.warm_up)(&task).unwrap();
        assert_eq!((self.memory)(&task), said, "{name}");

        let least = self.refused(gpu, &folder, 1);
        assert!(least < said.total(), "{name}: {least} bytes");
        assert_eq!(self.refused(gpu, &folder, least - 1), least, "{name}");
        for budget in [least, said.total()] {
            let options = options.clone().memory_budget(budget);
            let said = (self.needed)(gpu, &folder, &options).unwrap();
            let task = (self.load)(gpu, &folder, &options).unwrap();
            (self.warm_up)(&task).unwrap();
            assert_eq!((self.memory)(&task), said, "{name}, {budget}");
            assert!(said.total() <= budget, "{name}: {} bytes", said.total());
        }
    }

    /// How many bytes the error says are needed where so many are allowed.
    fn refused(&self, gpu: &Gpu, folder: &Path, budget: u64) -> u64 {
        let options = ModelOptions::default().memory_budget(budget);
        match (self.load)(gpu, folder, &options).map(drop) {
            Err(Error::Limit {
                needed, allowed, ..
            }) => {
                assert_eq!(allowed, budget, "{}", folder.display());
                needed
            }
            other => panic!("{}: {other:?}", folder.display()),
        }
    }
}

/// A task of one model, and of nothing else on the device.
macro_rules! of_one_model {
    ($task:ty) => {
        Task {
            needed: |gpu, folder, options| <$task>::memory_needed(gpu, folder, options),
            load: |gpu, folder, options| <$task>::load(gpu, folder, options),
            memory: |it| it.model().memory(),
            warm_up: |it| it.model().warm_up(),
        }
    };
}

#[test]
fn of_one_model_it_is_the_models() {
    let (gpu, _turn) = common::gpu();
    Task {
        needed: |gpu, folder, options| {
            let options = EmbedderOptions::default().model(options.clone());
            Embedder::memory_needed(gpu, folder, &options)
        },
        load: |gpu, folder, options| {
            let options = EmbedderOptions::default().model(options.clone());
            Embedder::load_with(gpu, folder, &options)
        },
        memory: |it| it.model().memory(),
        warm_up: |it| it.model().warm_up(),
    }
    .check(&gpu, "retrieval/dense");
    of_one_model!(Classifier).check(&gpu, "tasks/sentiment");
    of_one_model!(ZeroShot).check(&gpu, "tasks/inference");
    of_one_model!(Reranker).check(&gpu, "tasks/cross-encoder");
    of_one_model!(Tagger).check(&gpu, "spans/bert-tags");
    of_one_model!(Answerer).check(&gpu, "spans/bert-answers");
}

#[test]
fn of_several_parts_it_is_all_of_theirs() {
    let (gpu, _turn) = common::gpu();
    of_one_model!(Filler).check(&gpu, "tasks/masked-lm");
    Task {
        needed: |gpu, folder, options| MaskedLm::memory_needed(gpu, folder, 100, options),
        load: |gpu, folder, options| MaskedLm::load(gpu, folder, 100, options),
        memory: MaskedLm::memory,
        warm_up: MaskedLm::warm_up,
    }
    .check(&gpu, "heads/bert-masked-lm");
    let sparse = Task {
        needed: |gpu, folder, options| SparseEmbedder::memory_needed(gpu, folder, options),
        load: |gpu, folder, options| SparseEmbedder::load(gpu, folder, options),
        memory: SparseEmbedder::memory,
        warm_up: SparseEmbedder::warm_up,
    };
    let late_interaction = Task {
        needed: |gpu, folder, options| LateInteraction::memory_needed(gpu, folder, options),
        load: |gpu, folder, options| LateInteraction::load(gpu, folder, options),
        memory: LateInteraction::memory,
        warm_up: LateInteraction::warm_up,
    };
    for name in [
        "retrieval/splade",
        "retrieval/bge-m3",
        "retrieval/inference-free",
    ] {
        sparse.check(&gpu, name);
    }
    for name in ["retrieval/colbert", "retrieval/pylate", "retrieval/bge-m3"] {
        late_interaction.check(&gpu, name);
    }
}

/// One call after another, of every kind.
fn call(gpu: &Gpu, embedder: &Embedder, index: &Index, number: usize) {
    let model = embedder.model();
    let batch = embedder.batch(&TEXTS[..1 + number % 3]).unwrap();
    match number % 5 {
        0 => drop(model.run(&batch).unwrap()),
        1 => drop(embedder.embed(&TEXTS[number % 3..]).unwrap()),
        2 => drop(index.search(&[[0.5; COLUMNS]], 1 + number % 7).unwrap()),
        3 => {
            let mut forward = model.begin(&batch).unwrap();
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            forward.record(&mut encoder, Duration::MAX).unwrap();
            if number.is_multiple_of(2) {
                gpu.queue().submit([encoder.finish()]); // or it is dropped with what it recorded
            }
        }
        _ => {
            let mut context = Context::from_waker(Waker::noop());
            let mut run = pin!(model.run_async(&batch));
            let _ = (0..number % 3).any(|_| run.as_mut().poll(&mut context).is_ready());
        }
    }
}

/// Not a test of speed: what ten thousand calls leave behind.
#[test]
fn memory_is_steady_over_ten_thousand_calls() {
    let (gpu, _turn) = common::gpu();
    let limits = gpu.capabilities().limits.clone();
    let gpu = common::device(&gpu, gpu.capabilities().features, limits);
    let embedder = Embedder::load(&gpu, folder("tiny/plain")).unwrap();
    let mut index = Index::new(&gpu, COLUMNS, &IndexOptions::default()).unwrap();
    index.add(&vec![[0.25; COLUMNS]; 100]).unwrap();
    let run = |calls: std::ops::Range<usize>| {
        for number in calls {
            call(&gpu, &embedder, &index, number);
        }
        // Three at once, so that all the sets of memory are there that may be, each with an application's result.
        let batch = embedder.batch(TEXTS).unwrap();
        let mut runs = [(); 3].map(|()| Box::pin(embedder.model().run_async(&batch)));
        let mut context = Context::from_waker(Waker::noop());
        let polled = runs.each_mut().map(|run| run.as_mut().poll(&mut context));
        for (run, polled) in runs.into_iter().zip(polled) {
            match polled {
                Poll::Ready(result) => drop(result.unwrap()),
                Poll::Pending => drop(pollster::block_on(run).unwrap()),
            }
        }
        drop([(); 3].map(|()| embedder.model().begin(&batch).unwrap()));
        (common::allocated(&gpu), resident())
    };
    let (device, process) = run(0..1_000);
    let (mut device_later, process_later) = run(1_000..10_000);
    // What the device is through with is given back by the engine's waiting thread.
    let patience = Instant::now() + Duration::from_secs(10);
    while device_later > device && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
        device_later = common::allocated(&gpu);
    }
    eprintln!("{device:?} and {device_later:?} on the device, {process:?} and {process_later:?}");
    assert!(device_later <= device, "bytes that the driver gave");
    if let [Some(before), Some(after)] = [process, process_later] {
        assert!(after <= before + (4 << 20), "{before} bytes, then {after}");
    }
}

/// The memory of this process, where the system tells.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(4096 * pages)
}
