//! The third stage: batches on the GPU.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::batching::Pack;
use super::super::text_model::TextModel;
use super::bell::Bell;
use super::panicked;
use crate::error::Result;

/// A batch, and who waits for it.
pub(super) struct Job {
    pub(super) pack: Pack,
    /// The number of the first text of its window.
    pub(super) first_index: usize,
    pub(super) done: Sender<Done>,
    /// Rings when it is done.
    pub(super) bell: Arc<Bell>,
}

/// A batch that has run.
pub(super) struct Done {
    /// Its texts' places in their window.
    pub(super) places: Vec<usize>,
    /// Their values, as many as places.
    pub(super) values: Result<Vec<Vec<f32>>>,
}

/// Runs one job after another, until there is none. Several do so at once.
pub(super) fn run(
    text_model: &TextModel,
    jobs: &Mutex<Receiver<Option<Job>>>,
    is_stopped: &AtomicBool,
) {
    loop {
        // Whoever waits for a job holds the lock, and the others wait for that.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Some(job)) = next else { return };
        if is_stopped.load(Ordering::Relaxed) {
            continue;
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            pollster::block_on(text_model.run(&job.pack))
        }));
        let values = result.unwrap_or_else(|panic| {
            let place = job.pack.places.iter().min().copied().unwrap_or_default();
            Err(panicked("running", job.first_index + place, &*panic))
        });
        let _ = job.done.send(Done {
            places: job.pack.places,
            values,
        }); // unless the stream was dropped meanwhile
        job.bell.ring();
    }
}
