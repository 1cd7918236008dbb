use std::sync::{OnceLock, mpsc};
use std::thread::{self, JoinHandle};

/// Waits for submissions on a thread of its own, so that a future completes even if nobody polls the device.
///
/// The thread starts with the first wait and is parked while nothing is under way.
#[derive(Debug)]
pub(super) struct Waiter {
    device: wgpu::Device,
    running: OnceLock<Running>,
}

#[derive(Debug)]
struct Running {
    submissions: mpsc::Sender<wgpu::SubmissionIndex>,
    thread: JoinHandle<()>,
}

impl Waiter {
    pub(super) fn new(device: wgpu::Device) -> Self {
        Self {
            device,
            running: OnceLock::new(),
        }
    }

    /// Sees to it that the callbacks of `submission` are called once it is done.
    pub(super) fn wait_for(&self, submission: wgpu::SubmissionIndex) {
        let running = self.running.get_or_init(|| start(self.device.clone()));
        // The thread, and with it the receiver, lives until this sender is dropped.
        let _ = running.submissions.send(submission);
    }
}

fn start(device: wgpu::Device) -> Running {
    let (submissions, receiver) = mpsc::channel::<wgpu::SubmissionIndex>();
    let thread = thread::spawn(move || {
        // A lost device calls its callbacks with an error, so what `poll` says needs no answer here.
        for submission in receiver {
            let wait = wgpu::PollType::Wait {
                submission_index: Some(submission),
                timeout: None,
            };
            let _ = device.poll(wait);
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
