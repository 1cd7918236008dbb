//! A handle on a device whose work is profiled.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Gpu, InTurn, Timestamps};
use crate::error::Result;
use crate::profile::{Profile, Track};

/// Of one profile: where it goes, and what the device writes its times to.
#[derive(Debug)]
pub(crate) struct Profiler {
    pub(crate) profile: Profile,
    /// Not in use now.
    timestamps: Mutex<Vec<InTurn<Timestamps>>>,
}

impl Gpu {
    /// A handle on the same device: what is loaded with it, and all that runs on that, is collected in `profile`.
    ///
    /// Each dispatch is then timed by itself, by the device's clock where it [`has_timestamps`](Self::has_timestamps), and else by the host's,
    /// which submits it alone and waits for it; the host waits for every submit before the next. So a profiled run takes
    /// longer than another, while its results are the same, to the bit. What an application records into its own
    /// encoders is not profiled.
    ///
    /// See [`Profile`] for an example.
    #[cfg(not(target_arch = "wasm32"))] // where there is no such clock
    #[must_use]
    pub fn profiled(&self, profile: &Profile) -> Self {
        self.with_profiler(Profiler {
            profile: profile.clone(),
            timestamps: Mutex::default(),
        })
    }

    /// What `work` gives, and in the profile, if there is one, how long it took.
    pub(crate) fn measure<T>(&self, track: Track, name: &str, work: impl FnOnce() -> T) -> T {
        match self.profiler() {
            Some(profiler) => profiler.profile.measure(track, name, work),
            None => work(),
        }
    }
}

impl Profiler {
    /// What the device writes its times to, for one submit.
    ///
    /// # Errors
    /// As [`Gpu::create_buffer`].
    pub(crate) fn take_timestamps(&self, gpu: &Gpu) -> Result<InTurn<Timestamps>> {
        match self.timestamps().pop() {
            Some(timestamps) => Ok(timestamps),
            None => Ok(gpu.in_turn(Timestamps::new(gpu)?)),
        }
    }

    /// For the next, once they were read.
    pub(crate) fn give_back(&self, timestamps: InTurn<Timestamps>) {
        self.timestamps().push(timestamps);
    }

    fn timestamps(&self) -> MutexGuard<'_, Vec<InTurn<Timestamps>>> {
        self.timestamps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
