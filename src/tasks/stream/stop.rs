//! The end of a stream that is dropped.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use super::RUNNERS;
use super::bell::Bell;

/// Tells every runner that nobody wants what it computes.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_said: AtomicBool,
    /// One for each runner.
    bells: [Bell; RUNNERS],
}

impl Stop {
    pub(super) fn say(&self) {
        self.is_said.store(true, Ordering::SeqCst);
        self.bells.iter().for_each(Bell::ring);
    }

    pub(super) fn is_said(&self) -> bool {
        self.is_said.load(Ordering::SeqCst)
    }

    /// What `call` of a runner gives, unless it is to stop: then `call` is dropped, and submits nothing more.
    pub(super) async fn unless_said<T>(
        &self,
        runner: usize,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        let mut call = pin!(call);
        poll_fn(|context| {
            self.bells[runner].wait(context.waker()); // first: whoever says it from now on rings
            if self.is_said() {
                return Poll::Ready(None);
            }
            call.as_mut().poll(context).map(Some)
        })
        .await
    }
}
