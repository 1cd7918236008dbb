//! A device that the application polls, and whose thread then calls what blocks: nothing waits for a poll that nobody is
//! left to do.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use wgformer::index::IndexOptions;
use wgformer::models::{MaskedLm, ModelOptions};
use wgformer::plan::Control;
use wgformer::tasks::{
    AnswerOptions, Answerer, Classifier, EmbedderOptions, Filler, LateInteraction, Reranker, Side,
    SparseEmbedder, StreamOptions, TagOptions, Tagger, ZeroShot, ZeroShotOptions,
};
use wgformer::{Embedder, Error, Gpu, Index};

const MODEL: &str = "tests/data/tiny/plain";

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|place| format!("a cat {place}")).collect()
}

fn polled_by_app(gpu: &Gpu) -> Gpu {
    let limits = gpu.capabilities().limits.clone();
    common::device(gpu, gpu.capabilities().features, limits).polled_by_app()
}

/// What `act` gives on a thread of its own; one that waits for ever is left behind.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = sender.send(act());
    });
    match done.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it waits for ever"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it has sent its result"),
        },
    }
}

#[test]
fn what_blocks_polls_the_device_itself() {
    let (gpu, _turn) = common::gpu();
    let expected = Embedder::load(&gpu, MODEL).unwrap().embed(&texts(300));
    let gpu = polled_by_app(&gpu);
    let found = in_time(move || {
        let embedder = Embedder::load(&gpu, MODEL)?;
        embedder.model().warm_up()?;
        let vectors = embedder.embed(&texts(300))?;
        embedder.embed_with(&texts(3), Control::new())?;
        embedder.embeddings(&texts(3))?;
        embedder.embeddings_with(&texts(3), Control::new())?;
        embedder.summarize("A cat. A dog. A cat.", 1)?;
        embedder.summarize_with("A cat. A dog. A cat.", 1, Control::new())?;
        let recovered = embedder.recover(&gpu)?;
        assert_eq!(recovered.embed(&texts(1))?[0], vectors[0]);
        let batch = embedder.batch(&texts(2))?;
        embedder.model().run(&batch)?;
        embedder.model().run_with(&batch, Control::new())?;

        let mut index = Index::new(&gpu, embedder.dimensions(), &IndexOptions::default())?;
        index.add(&vectors)?;
        index.warm_up(3)?;
        let hits = index.search(&vectors[..1], 3)?;
        assert_eq!(hits[0].len(), 3);
        assert_eq!(index.search_with(&vectors[..1], 3, Control::new())?, hits);
        Ok::<_, Error>(vectors)
    });
    assert_eq!(found.unwrap(), expected.unwrap());
}

#[test]
fn so_does_every_task() {
    let (gpu, _turn) = common::gpu();
    let gpu = polled_by_app(&gpu);
    let control = Control::new;
    let run = move || {
        let options = ModelOptions::default();
        let folder = |name: &str| format!("tests/data/{name}");
        let it = Classifier::load(&gpu, folder("tasks/sentiment"), &options)?;
        it.classify(["a"])?;
        it.classify_with(["a"], control())?;
        let it = ZeroShot::load(&gpu, folder("tasks/inference"), &options)?;
        it.classify(&["a"], &["b"], &ZeroShotOptions::default())?;
        let it = Reranker::load(&gpu, folder("tasks/cross-encoder"), &options)?;
        it.rank("a", &["b"])?;
        let it = Tagger::load(&gpu, folder("spans/bert-tags"), &options)?;
        it.tag(["a"], &TagOptions::default())?;
        it.tag_with(["a"], &TagOptions::default(), control())?;
        let it = Answerer::load(&gpu, folder("spans/bert-answers"), &options)?;
        it.answer([("who?", "a cat")], &AnswerOptions::default())?;
        it.answer_with([("who?", "a cat")], &AnswerOptions::default(), control())?;
        let it = Filler::load(&gpu, folder("tasks/masked-lm"), &options)?;
        it.fill("the [MASK]", 1)?;
        it.fill_with("the [MASK]", 1, control())?;
        let masked_lm: &MaskedLm = it.model();
        masked_lm.warm_up()?;
        let mut batch = wgformer::models::Batch::new();
        batch.push(&[2, 4, 3], &[0; 3]);
        masked_lm.run(&batch, &[1])?;
        let it = SparseEmbedder::load(&gpu, folder("retrieval/splade"), &options)?;
        it.embed(["a"])?;
        it.warm_up()?;
        let it = LateInteraction::load(&gpu, folder("retrieval/colbert"), &options)?;
        it.warm_up()?;
        it.rank("a", &["b"])?;
        let documents = it.embed(Side::Document, &["a"])?;
        it.scores(&documents[0], &documents)?;
        Ok::<_, Error>(())
    };
    in_time(run).unwrap();
}

#[test]
fn a_half_read_stream_can_be_dropped() {
    let (gpu, _turn) = common::gpu();
    let gpu = polled_by_app(&gpu);
    in_time(move || {
        let embedder = Embedder::load(&gpu, MODEL).unwrap();
        for taken in [0, 1, 300] {
            let lines = texts(3000).into_iter().map(Ok::<_, Error>);
            let options = StreamOptions::default().window_batches(1);
            let mut stream = embedder.stream(lines, &options);
            for _ in 0..taken {
                stream.next().unwrap().unwrap();
            }
            drop(stream);
        }
    });
}

/// After each number of polls, so between any two submits and while the result is read back.
#[test]
fn a_destroyed_device_is_a_typed_error() {
    let (gpu, _turn) = common::gpu();
    for polls in (0..40).step_by(3) {
        let gpu = polled_by_app(&gpu);
        let errors = in_time(move || {
            let options = ModelOptions::default().submit_time(Duration::ZERO);
            let options = EmbedderOptions::default().model(options);
            let embedder = Embedder::load_with(&gpu, MODEL, &options).unwrap();
            let (texts, mut context) = (texts(3), Context::from_waker(Waker::noop()));
            let mut run = pin!(embedder.embed_async(&texts));
            let mut step = || {
                let polled = run.as_mut().poll(&mut context);
                gpu.device().poll(wgpu::PollType::Poll).unwrap();
                polled
            };
            for _ in 0..polls {
                if step().is_ready() {
                    return None; // it was faster
                }
            }
            gpu.device().destroy();
            let late = loop {
                if let Poll::Ready(result) = step() {
                    break result.map(drop);
                }
            };
            Some([late, embedder.embed(&texts).map(drop)])
        });
        for result in errors.into_iter().flatten() {
            let error = result.unwrap_err();
            assert!(
                matches!(error, Error::DeviceLost { .. }),
                "{polls}: {error}"
            );
        }
    }
}
