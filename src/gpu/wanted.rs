//! Whether anybody still waits for what a thread of [`Gpu::off_thread`](super::Gpu::off_thread) does.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

thread_local! {
    static OF_THREAD: RefCell<Wanted> = RefCell::default();
}

/// Shared by the future that waits and the threads that work for it.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    is_dropped: Arc<AtomicBool>,
}

/// Tells the threads when it is dropped.
#[cfg(not(target_arch = "wasm32"))]
pub(super) struct Waiting(Wanted);

impl Wanted {
    /// What this thread works for: somebody who waits for ever, unless [`Wanted::work_here`] says otherwise.
    pub(crate) fn here() -> Self {
        OF_THREAD.with_borrow(Clone::clone)
    }

    /// # Errors
    /// [`Error::Cancelled`] if nobody waits any more.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_dropped.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    /// From now on this thread works for it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn work_here(self) {
        OF_THREAD.set(self);
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn waiting(&self) -> Waiting {
        Waiting(self.clone())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.is_dropped.store(true, Ordering::Relaxed);
    }
}
