use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// Wakes whoever waits for the stream without blocking a thread.
#[derive(Debug, Default)]
pub(super) struct Bell {
    waiting: Mutex<Option<Waker>>,
}

impl Bell {
    /// From now on this one is woken, at the next ring.
    pub(super) fn wait(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = Some(waker.clone());
    }

    /// There may be something new, or there will never be.
    pub(super) fn ring(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = waiting.take() {
            waker.wake();
        }
    }
}
