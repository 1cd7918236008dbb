use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use wgpu::PollStatus;

use super::block_on::pause;
use super::turns::Turns;

/// Waits for the device on a thread of its own, so that a future completes even if nobody polls it.
///
/// The thread starts with the first wait and is parked while nothing is under way.
#[derive(Debug)]
pub(super) struct Waiter {
    device: wgpu::Device,
    turns: Turns,
    running: Mutex<Option<Running>>,
    /// Somebody else polls the device, and nothing is waited for here.
    is_left_to_app: AtomicBool,
}

#[derive(Debug)]
struct Running {
    waits: mpsc::Sender<(Work, Call)>,
    thread: JoinHandle<()>,
}

pub(super) type Call = Box<dyn FnOnce(Done) + Send>;

/// When a submission was done, where somebody waited for just that.
pub(super) type Done = Option<Instant>;

impl Waiter {
    pub(super) fn new(device: wgpu::Device, turns: Turns) -> Self {
        Self {
            device,
            turns,
            running: Mutex::default(),
            is_left_to_app: AtomicBool::new(false),
        }
    }

    /// From now on the application polls the device.
    pub(super) fn leave_to_app(&self) {
        self.is_left_to_app.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_left_to_app(&self) -> bool {
        self.is_left_to_app.load(Ordering::Relaxed)
    }

    /// Calls when all that is submitted now is done and its callbacks are called, or the device is lost.
    ///
    /// # Errors
    /// The system's, if it gives no thread; then nothing is ever called.
    pub(super) fn once_done(&self, queue: &wgpu::Queue, call: Call) -> io::Result<()> {
        if self.is_left_to_app() {
            queue.on_submitted_work_done(|| call(None));
            return Ok(());
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match &mut *running {
            Some(running) => running,
            none => none.insert(start(self.device.clone(), self.turns.clone())?),
        };
        // The thread, and with it the receiver, lives until this sender is dropped.
        let _ = running.waits.send((Work::of(queue), call));
        Ok(())
    }
}

fn start(device: wgpu::Device, turns: Turns) -> io::Result<Running> {
    let (waits, receiver) = mpsc::channel::<(Work, Call)>();
    let work = move || {
        for (work, call) in receiver {
            // The application's own callbacks are called here too: what panics in one of them is not this thread's end.
            while catch_unwind(AssertUnwindSafe(|| work.wait(&device, &turns))).is_err() {}
            call(Some(Instant::now()));
        }
    };
    let thread = thread::Builder::new().name("wgformer waiting".to_owned());
    Ok(Running {
        waits,
        thread: thread.spawn(work)?,
    })
}

/// All that was submitted to a queue until now.
pub(super) struct Work {
    is_done: Arc<AtomicBool>,
}

impl Work {
    pub(super) fn of(queue: &wgpu::Queue) -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&is_done);
        queue.on_submitted_work_done(move || tell.store(true, Ordering::Release));
        Self { is_done }
    }

    /// Waits until it is done, or the device is lost, which is found out by whatever is done with it next.
    ///
    /// By looking now and then, at most a millisecond apart: while wgpu itself waits for the device it holds a lock behind
    /// which submits of the whole application queue up, for as long as the work takes. (Its waits with a timeout let go
    /// of that lock, but panic where another thread submits meanwhile: an assertion in its `Device::maintain`.)
    pub(super) fn wait(&self, device: &wgpu::Device, turns: &Turns) {
        let start = Instant::now();
        loop {
            let turn = turns.take();
            let polled = device.poll(wgpu::PollType::Poll);
            drop(turn);
            // No callback comes from a device that was destroyed, but nothing is under way there.
            if self.is_done.load(Ordering::Acquire) || !matches!(polled, Ok(PollStatus::Poll)) {
                return;
            }
            thread::sleep(pause(start));
        }
    }
}

impl Drop for Waiter {
    /// Waits for the thread: a driver must not be torn down there while the process ends here.
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(Running { waits, thread }) = running.take() else {
            return;
        };
        drop(waits);
        // A callback may have dropped the last `Gpu` on the thread itself.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}
