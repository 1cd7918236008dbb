use std::sync::{OnceLock, mpsc};

/// Waits for submissions on a thread of its own, so that a future completes even if nobody polls the device.
///
/// The thread starts with the first wait and is parked while nothing is under way.
/// A browser polls by itself, so there it does nothing.
#[derive(Debug)]
pub(super) struct Waiter {
    device: wgpu::Device,
    sender: OnceLock<mpsc::Sender<wgpu::SubmissionIndex>>,
}

impl Waiter {
    pub(super) fn new(device: wgpu::Device) -> Self {
        Self {
            device,
            sender: OnceLock::new(),
        }
    }

    /// Sees to it that the callbacks of `submission` are called once it is done.
    pub(super) fn wait_for(&self, submission: wgpu::SubmissionIndex) {
        if cfg!(target_arch = "wasm32") {
            return;
        }
        let sender = self.sender.get_or_init(|| {
            let (sender, receiver) = mpsc::channel::<wgpu::SubmissionIndex>();
            let device = self.device.clone();
            std::thread::spawn(move || {
                // Ends when the `Gpu` and with it the sender is dropped. A lost device calls its callbacks
                // with an error, so what `poll` says needs no answer here.
                for submission in receiver {
                    let _ = device.poll(wgpu::PollType::Wait {
                        submission_index: Some(submission),
                        timeout: None,
                    });
                }
            });
            sender
        });
        // The receiver lives as long as the thread, which ends only after this sender is dropped.
        let _ = sender.send(submission);
    }
}
