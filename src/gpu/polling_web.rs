use std::time::Instant;

use futures_channel::oneshot;

use super::context::Turn;

/// There is no clock.
pub(super) type Done = Option<Instant>;

/// In a browser there is nothing to wait for: it polls by itself, and a device belongs to one thread.
#[derive(Debug)]
pub(super) struct Waiter;

impl Waiter {
    pub(super) fn new(_device: wgpu::Device, _turn: Option<Turn>) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as on other platforms")]
    pub(super) fn leave_to_app(&self) {}

    /// Tells when `submission` is done.
    #[expect(clippy::unused_self, reason = "as on other platforms")]
    pub(super) fn wait_for(
        &self,
        queue: &wgpu::Queue,
        _submission: wgpu::SubmissionIndex,
    ) -> oneshot::Receiver<Done> {
        let (sender, receiver) = oneshot::channel();
        queue.on_submitted_work_done(|| {
            let _ = sender.send(None); // nobody listens if the future was dropped
        });
        receiver
    }
}
