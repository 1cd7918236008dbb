//! The third stage: batches on the GPU.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::batching::Pack;
use super::super::text_model::Finite;
use super::batch_model::BatchModel;
use super::bell::Bell;
use super::panicked;
use super::stop::Stop;
use crate::error::Result;

/// A batch, and who waits for it.
pub(super) struct Job<R> {
    pub(super) pack: Pack,
    /// The number of the first text that it has a sequence of.
    pub(super) first_index: usize,
    pub(super) done: Sender<Done<R>>,
    /// Rings when it is done.
    pub(super) bell: Arc<Bell>,
}

/// A batch that has run.
pub(super) struct Done<R> {
    /// Its sequences' places in their window.
    pub(super) places: Vec<usize>,
    /// What became of them, as many as places.
    pub(super) results: Result<Vec<Finite<R>>>,
}

/// Runs one job after another, until there is none, or it is told to stop. Several do so at once.
pub(super) fn run<M: BatchModel>(
    runner: usize,
    model: &M,
    jobs: &Mutex<Receiver<Option<Job<M::Part>>>>,
    stop: &Stop,
) {
    loop {
        // Whoever waits for a job holds the lock, and the others wait for that.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Some(job)) = next else { return };
        let result = catch_unwind(AssertUnwindSafe(|| {
            let results = stop.unless_said(runner, model.run(&job.pack));
            model.text_model().block_on(results)
        }));
        let results = match result {
            Ok(Some(results)) => results,
            // What it has submitted: a driver must not be at work when a process ends.
            Ok(None) => return model.text_model().model.plan().gpu().settle(),
            Err(panic) => Err(panicked("running", job.first_index, &*panic)),
        };
        let _ = job.done.send(Done {
            places: job.pack.places,
            results,
        }); // unless the stream was dropped meanwhile
        job.bell.ring();
    }
}
