//! Waiting for a future of the device on this thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Gpu;

impl Gpu {
    /// What `call` gives, waited for on this thread, as every blocking form of this engine waits: where the application
    /// polls the device ([`Gpu::polled_by_app`]) it is polled here meanwhile, since this may be the thread that does.
    ///
    /// ```
    /// # let folder = "tests/data/tiny/plain";
    /// let gpu = wgformer::Gpu::new()?.polled_by_app();
    /// let embedder = wgformer::Embedder::load(&gpu, folder)?;
    /// let vectors = gpu.block_on(embedder.embed_async(&["a cat"]))?;
    /// assert_eq!(embedder.embed(&["a cat"])?, vectors);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        if !self.waiter().is_left_to_app() {
            return pollster::block_on(call);
        }
        let woken = Arc::new(Woken {
            thread: thread::current(),
            is_woken: AtomicBool::new(true),
        });
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut call = pin!(call);
        loop {
            self.poll_until(&woken.is_woken);
            if let Poll::Ready(result) = call.as_mut().poll(&mut context) {
                return result;
            }
        }
    }

    fn poll_until(&self, is_woken: &AtomicBool) {
        let start = Instant::now();
        while !is_woken.swap(false, Ordering::Acquire) {
            let turn = self.turn();
            let _ = self.device().poll(wgpu::PollType::Poll); // what it says of a lost device, the next call does
            drop(turn);
            thread::park_timeout(pause(start)); // which ends early where somebody wakes
        }
    }
}

/// Until the next look at the device, which has been waited for since `start`.
pub(super) fn pause(start: Instant) -> Duration {
    const SHORTEST: Duration = Duration::from_micros(20);
    const LONGEST: Duration = Duration::from_millis(1);
    (start.elapsed() / 16).clamp(SHORTEST, LONGEST)
}

/// The thread that waits, and whether its future is to be polled.
struct Woken {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
