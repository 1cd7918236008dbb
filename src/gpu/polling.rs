use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use futures_channel::oneshot;

use super::context::{Turn, take};

/// Waits for submissions on a thread of its own, so that a future completes even if nobody polls the device.
///
/// The thread starts with the first wait and is parked while nothing is under way.
#[derive(Debug)]
pub(super) struct Waiter {
    device: wgpu::Device,
    turn: Option<Turn>,
    running: OnceLock<Running>,
    /// Somebody else polls the device, and nothing is waited for here.
    is_left_to_app: AtomicBool,
}

#[derive(Debug)]
struct Running {
    submissions: mpsc::Sender<Submission>,
    thread: JoinHandle<()>,
}

/// What is waited for, and who is told.
type Submission = (wgpu::SubmissionIndex, oneshot::Sender<Done>);

/// When a submission was done, where somebody waited for just that.
pub(super) type Done = Option<Instant>;

impl Waiter {
    pub(super) fn new(device: wgpu::Device, turn: Option<Turn>) -> Self {
        Self {
            device,
            turn,
            running: OnceLock::new(),
            is_left_to_app: AtomicBool::new(false),
        }
    }

    /// From now on the application polls the device.
    pub(super) fn leave_to_app(&self) {
        self.is_left_to_app.store(true, Ordering::Relaxed);
    }

    /// Tells when `submission` is done and its callbacks are called, or the device is lost.
    ///
    /// wgpu's own callback for that never comes once a device is destroyed.
    pub(super) fn wait_for(
        &self,
        queue: &wgpu::Queue,
        submission: wgpu::SubmissionIndex,
    ) -> oneshot::Receiver<Done> {
        let (sender, receiver) = oneshot::channel();
        if self.is_left_to_app.load(Ordering::Relaxed) {
            queue.on_submitted_work_done(|| {
                let _ = sender.send(None); // nobody listens if the future was dropped
            });
            return receiver;
        }
        let start = || start(self.device.clone(), self.turn.clone());
        let running = self.running.get_or_init(start);
        // The thread, and with it the receiver, lives until this sender is dropped.
        let _ = running.submissions.send((submission, sender));
        receiver
    }
}

fn start(device: wgpu::Device, turn: Option<Turn>) -> Running {
    let (submissions, receiver) = mpsc::channel::<Submission>();
    let thread = thread::spawn(move || {
        for (submission, done) in receiver {
            let wait = wgpu::PollType::Wait {
                submission_index: Some(submission),
                timeout: None,
            };
            // That a device is lost is found out by whatever is done with it next.
            let turn = turn.as_ref().map(take);
            let _ = device.poll(wait);
            drop(turn);
            let _ = done.send(Some(Instant::now())); // nobody listens if the future was dropped
        }
    });
    Running {
        submissions,
        thread,
    }
}

impl Drop for Waiter {
    /// Waits for the thread: a driver must not be torn down there while the process ends here.
    fn drop(&mut self) {
        let Some(Running {
            submissions,
            thread,
        }) = self.running.take()
        else {
            return;
        };
        drop(submissions);
        // A callback may have dropped the last `Gpu` on the thread itself.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}
