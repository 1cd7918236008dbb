use std::io;
use std::time::Instant;

use super::turns::Turns;

/// There is no clock.
pub(super) type Done = Option<Instant>;

pub(super) type Call = Box<dyn FnOnce(Done) + Send>;

/// In a browser there is nothing to wait for: it polls by itself, and a device belongs to one thread.
#[derive(Debug)]
pub(super) struct Waiter;

impl Waiter {
    pub(super) fn new(_device: wgpu::Device, _turns: Turns) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as on other platforms")]
    pub(super) fn leave_to_app(&self) {}

    #[expect(clippy::unused_self, reason = "as on other platforms")]
    pub(super) fn is_left_to_app(&self) -> bool {
        false
    }

    /// Calls when all that is submitted now is done.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as on other platforms"
    )]
    pub(super) fn once_done(&self, queue: &wgpu::Queue, call: Call) -> io::Result<()> {
        queue.on_submitted_work_done(|| call(None));
        Ok(())
    }
}
