//! Waiting for no longer than a time.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What a future gives within a time, on this thread, or nothing.
pub(crate) fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Sleeper(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let start = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = time.saturating_sub(start.elapsed());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left); // it may wake early
    }
}

/// Who waits.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};

    use super::*;

    #[test]
    fn what_comes_in_time_is_there_and_what_does_not_is_nothing() {
        let (moment, long) = (Duration::from_millis(20), Duration::from_secs(60));
        assert_eq!(within(Duration::ZERO, ready(7)), Some(7));
        let start = Instant::now();
        assert_eq!(within(moment, pending::<()>()), None);
        assert!(start.elapsed() >= moment);
        // Another thread wakes this one, before the time is over.
        let woken = poll_fn(|context| {
            if start.elapsed() >= 3 * moment {
                return Poll::Ready(7);
            }
            let waker = context.waker().clone();
            thread::spawn(move || {
                thread::sleep(moment);
                waker.wake();
            });
            Poll::Pending
        });
        assert_eq!(within(long, woken), Some(7));
        assert!(start.elapsed() < long);
    }
}
