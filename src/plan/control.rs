//! How one call is watched, and when it is given up.

use std::time::{Duration, Instant};

use super::speed::now;

/// How far a call has come.
///
/// See [`Control`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is done: steps of a run, texts, queries, or bytes of weights.
    pub done: usize,
    /// Of how many.
    pub total: usize,
}

/// What one call heeds: a time by which it is done or given up, and somebody who is told how far it is.
///
/// ```
/// use std::time::Duration;
/// use wgformer::plan::{Control, Progress};
///
/// # use wgformer::models::{Batch, Head, Model};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
/// # let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &Default::default())?;
/// # let mut batch = Batch::new();
/// # batch.push(&[2, 7, 3], &[0, 0, 0]);
/// let control = Control::new()
///     .timeout(Duration::from_secs(60))
///     .progress(|progress: Progress| println!("step {} of {}", progress.done, progress.total));
/// let hidden_states = model.run_with(&batch, control)?; // `Embedder::embed_with` counts texts
/// # assert_eq!(hidden_states.len(), 3 * model.hidden());
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Default)]
pub struct Control<'a> {
    deadline: Option<Instant>,
    progress: Option<Box<dyn FnMut(Progress) + Send + 'a>>,
}

impl<'a> Control<'a> {
    /// No deadline, and nobody is told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When `deadline` has come the call ends with [`crate::Error::Deadline`], as if its future were dropped: what the
    /// device works on is finished, and nothing more is submitted. There is no clock in a browser, and no deadline.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use wgformer::plan::Control;
    ///
    /// let all_done_by = Instant::now() + Duration::from_secs(60); // several calls may share it
    /// let control = Control::new().deadline(all_done_by);
    /// # let _ = control;
    /// ```
    #[must_use]
    pub fn deadline(self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// As [`Control::deadline`], from now on.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        match now().and_then(|now| now.checked_add(timeout)) {
            Some(deadline) => self.deadline(deadline),
            None => self, // further away than a clock goes, or there is none
        }
    }

    /// `progress` is called on the calling thread, or where the future is polled.
    #[must_use]
    pub fn progress(self, progress: impl FnMut(Progress) + Send + 'a) -> Self {
        Self {
            progress: Some(Box::new(progress)),
            ..self
        }
    }

    pub(crate) fn report(&mut self, done: usize, total: usize) {
        if let Some(progress) = &mut self.progress {
            progress(Progress { done, total });
        }
    }

    /// When the call ends at the latest, for the control of another that is a part of it.
    ///
    /// ```
    /// use std::time::Instant;
    /// use wgformer::plan::Control;
    ///
    /// let soon = Instant::now();
    /// assert_eq!(Control::new().deadline(soon).due(), Some(soon));
    /// ```
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.deadline
    }
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("deadline", &self.deadline)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}
