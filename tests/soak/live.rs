//! What the threads share: a device, and what is on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wgformer::index::{Index, IndexOptions};
use wgformer::models::{Model, ModelOptions};
use wgformer::tasks::EmbedderOptions;
use wgformer::{Embedder, Gpu};

use crate::common;
use crate::questions::{MOST_HITS, Question};

/// The device of now, and what was brought to it.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) gpu: Gpu,
    pub(crate) embedder: Embedder,
    pub(crate) index: Index,
    pub(crate) generation: usize,
    is_lost: Arc<AtomicBool>,
}

impl Live {
    /// Of an index of what the texts mean, with room for little more than one run.
    pub(crate) fn new(gpu: Gpu, questions: &[Question]) -> Self {
        let model = ModelOptions::default().submit_time(Duration::from_micros(500)); // several submits to a run
        let options = EmbedderOptions::default().model(model);
        let embedder = Embedder::load_with(&gpu, "tests/data/tiny/plain", &options).unwrap();
        let texts = questions.iter().flat_map(|question| &question.texts);
        let vectors = embedder.embed(texts.collect::<Vec<_>>()).unwrap();
        let (dimensions, count) = (embedder.dimensions(), vectors.len());
        let options = IndexOptions::default();
        let needed = Index::memory_needed(&gpu, dimensions, count, MOST_HITS, &options).unwrap();
        let options = options.memory_budget(needed.total() + needed.per_run() / 2);
        let mut index = Index::new(&gpu, dimensions, &options).unwrap();
        index.add(&vectors).unwrap();
        Self {
            gpu,
            embedder,
            index,
            generation: 0,
            is_lost: Arc::default(),
        }
    }

    pub(crate) fn model(&self) -> &Model {
        self.embedder.model()
    }

    pub(crate) fn lose(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
        self.gpu.device().destroy();
    }

    /// Nothing may fail for that reason before.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    pub(crate) fn recover(&self, gpu: Gpu) -> Self {
        assert!(self.is_lost());
        Self {
            embedder: pollster::block_on(self.embedder.recover_async(&gpu)).unwrap(),
            index: self.index.recover(&gpu).unwrap(),
            gpu,
            generation: self.generation + 1,
            is_lost: Arc::default(),
        }
    }
}

/// A device that nobody else has.
pub(crate) fn fresh(like: &Gpu) -> Gpu {
    let limits = like.capabilities().limits.clone();
    common::device(like, like.capabilities().features, limits)
}
