//! How fast the device gets through a plan's work, to say beforehand how long a part of it takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::gpu::Capabilities;

/// Multiplications and additions a second, learned from what was waited for.
pub(super) struct Speed(AtomicU64); // the bits of an f64

/// Before anything was measured: slow enough for most devices, so that the first submits are too short, not too long.
const SOFTWARE: f64 = 2e9;
const HARDWARE: f64 = 1e11;

/// How much of a slower measurement counts: it may only have waited for somebody else's work.
const SLOWER: f64 = 0.1;

/// By how much one measurement may raise it, were it wrong.
const FASTER: f64 = 4.0;

impl Speed {
    pub(super) fn guessed(capabilities: &Capabilities) -> Self {
        let guess = if capabilities.is_software() {
            SOFTWARE
        } else {
            HARDWARE
        };
        Self(AtomicU64::new(guess.to_bits()))
    }

    pub(super) fn per_second(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// The time that so much work takes.
    pub(super) fn time(&self, work: f64) -> Duration {
        Duration::try_from_secs_f64(work / self.per_second()).unwrap_or(Duration::MAX)
    }

    /// The work that so long a time is enough for.
    pub(super) fn work(&self, time: Duration) -> f64 {
        time.as_secs_f64() * self.per_second()
    }

    /// Learns that so much work took so long, perhaps with other work before it.
    fn observe(&self, work: f64, elapsed: Duration) {
        let (known, found) = (self.per_second(), work / elapsed.as_secs_f64());
        if !found.is_finite() || found <= 0.0 {
            return;
        }
        let new = if found > known {
            found.min(FASTER * known)
        } else {
            known + SLOWER * (found - known)
        };
        self.0.store(new.to_bits(), Ordering::Relaxed);
    }
}

/// Measures pieces of work that the device does one after another without a pause.
pub(super) struct Stopwatch<'a> {
    speed: &'a Speed,
    since: Option<Instant>,
}

impl<'a> Stopwatch<'a> {
    pub(super) fn start(speed: &'a Speed) -> Self {
        Self {
            speed,
            since: now(),
        }
    }

    /// A piece of so much work was done at this time, and the next one began; nothing is learned if nobody knows when.
    pub(super) fn lap(&mut self, work: f64, done: Option<Instant>) {
        if let (Some(since), Some(done)) = (self.since, done) {
            self.speed.observe(work, done - since);
        }
        self.since = done;
    }
}

/// `None` in a browser, where there is no clock.
pub(super) fn now() -> Option<Instant> {
    cfg!(not(target_arch = "wasm32")).then(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_run_counts_more_than_a_slower_one() {
        let speed = Speed(AtomicU64::new(1e9_f64.to_bits()));
        speed.observe(4e9, Duration::from_secs(1));
        assert_eq!(speed.per_second(), 4e9);
        speed.observe(1e9, Duration::from_secs(1));
        assert_eq!(speed.per_second(), 3.7e9);
        assert_eq!(speed.time(7.4e9), Duration::from_secs(2));
        speed.observe(1e12, Duration::from_secs(1));
        assert_eq!(speed.per_second(), 14.8e9, "not at once what one run says");
        speed.observe(0.0, Duration::ZERO);
        assert_eq!(
            speed.per_second(),
            14.8e9,
            "nothing is learned from nothing"
        );
    }
}
