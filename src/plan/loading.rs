//! What heeds a plan while it is loaded: a time by which that is done, and somebody who is told how far it is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Progress;
use super::speed::now;
use crate::error::{Error, Result};
use crate::gpu::Wanted;

/// What options say of loading.
#[derive(Clone, Default)]
pub(crate) struct Loading {
    pub(crate) timeout: Option<Duration>,
    pub(crate) progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl fmt::Debug for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loading")
            .field("timeout", &self.timeout)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}

/// A plan on its way to the device.
pub(super) struct Load {
    wanted: Wanted,
    deadline: Option<Instant>,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    done: u64,
    total: u64,
}

impl Load {
    /// `total`: bytes of weights that a plan binds.
    pub(super) fn start(loading: &Loading, total: u64) -> Self {
        let deadline = loading
            .timeout
            .and_then(|timeout| now().and_then(|now| now.checked_add(timeout)));
        Self {
            wanted: Wanted::here(),
            deadline,
            progress: loading.progress.clone(),
            done: 0,
            total,
        }
    }

    /// Before whatever takes long.
    ///
    /// # Errors
    /// [`Error::Deadline`] if it has come, [`Error::Cancelled`] if nobody waits any more.
    pub(super) fn go_on(&self) -> Result<()> {
        self.wanted.check()?;
        match self.deadline.zip(now()) {
            Some((deadline, now)) if deadline <= now => Err(Error::Deadline {
                late: now - deadline,
            }),
            _ => Ok(()),
        }
    }

    /// So many bytes of weights are there.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if let Some(progress) = &self.progress {
            let [done, total] = [self.done, self.total].map(|it| it as usize);
            progress(Progress { done, total });
        }
    }
}
