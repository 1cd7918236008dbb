//! The benchmark's own wgpu calls, without the default handler's panic; `benches/targets` has them too.

use anyhow::{Result, anyhow};
use wgformer::Gpu;

/// What `work` makes on the device, in a turn with it, or what the device has against that.
///
/// # Errors
/// In wgpu's words, after `what` was tried.
pub(crate) fn checked<T>(
    gpu: &Gpu,
    what: &str,
    work: impl FnOnce(&wgpu::Device) -> T,
) -> Result<T> {
    let _turn = gpu.turn();
    let device = gpu.device();
    let filters = [
        wgpu::ErrorFilter::Validation,
        wgpu::ErrorFilter::OutOfMemory,
        wgpu::ErrorFilter::Internal,
    ];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let made = work(device);
    let errors = scopes
        .into_iter()
        .rev()
        .map(|scope| pollster::block_on(scope.pop()));
    // All of them are popped.
    let errors: Vec<_> = errors.flatten().collect();
    match errors.first() {
        None => Ok(made),
        Some(error) => Err(anyhow!("{what} on {}: {error}", gpu.capabilities())),
    }
}

/// Until the device is through with all that was submitted.
///
/// # Errors
/// If the device was lost.
pub(crate) fn wait(gpu: &Gpu) -> Result<()> {
    gpu.device().poll(wgpu::PollType::wait_indefinitely())?;
    Ok(())
}
