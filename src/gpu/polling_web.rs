/// In a browser there is nothing to wait for: it polls by itself, and a device belongs to one thread.
#[derive(Debug)]
pub(super) struct Waiter;

impl Waiter {
    pub(super) fn new(_device: wgpu::Device) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as on other platforms")]
    pub(super) fn wait_for(&self, _submission: wgpu::SubmissionIndex) {}
}
