use std::time::Instant;

use futures_channel::oneshot;

use super::Gpu;
use super::context::DEVICE_LOST;
#[cfg(not(target_arch = "wasm32"))]
use super::polling::Work;
use crate::error::{Error, Result};

/// The bytes of a buffer of so many elements: at least one vec4, which a binding of vectors needs.
pub(crate) fn buffer_bytes(elements: usize) -> u64 {
    (4 * elements as u64).next_multiple_of(16).max(16)
}

impl Gpu {
    /// A buffer of `size_in_bytes`, checked against the device's limits.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond the largest buffer or binding, [`Error::OutOfMemory`] if the driver has no memory left.
    pub(crate) fn create_buffer(
        &self,
        label: &str,
        size_in_bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        self.create_buffer_with(label, size_in_bytes, usage, None)
    }

    /// A buffer that holds `bytes` to be copied elsewhere.
    ///
    /// # Errors
    /// As [`Gpu::create_buffer`].
    pub(crate) fn upload_for_copies(&self, label: &str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let size = (bytes.len() as u64).next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
        // Mappable, or wgpu would fill it by way of another one.
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::MAP_WRITE;
        self.create_buffer_with(label, size.max(4), usage, Some(bytes))
    }

    fn create_buffer_with(
        &self,
        label: &str,
        size_in_bytes: u64,
        usage: wgpu::BufferUsages,
        contents: Option<&[u8]>,
    ) -> Result<wgpu::Buffer> {
        self.check_size(label, size_in_bytes, usage)?;
        let descriptor = wgpu::BufferDescriptor {
            label: Some(label),
            size: size_in_bytes.next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT),
            usage,
            mapped_at_creation: contents.is_some(),
        };
        let action = format!("allocating {size_in_bytes} bytes for {label}");
        let buffer = self.checked(&action, || self.device().create_buffer(&descriptor))?;
        if let Some(contents) = contents {
            let _turn = self.turn();
            let view = buffer.get_mapped_range_mut(..contents.len() as u64);
            // No error scope hears of a lost device: its buffers are made, and cannot be mapped.
            view.map_err(|_| self.device_error(&action, DEVICE_LOST))?
                .copy_from_slice(contents);
            buffer.unmap();
        }
        Ok(buffer)
    }

    fn check_size(&self, label: &str, size_in_bytes: u64, usage: wgpu::BufferUsages) -> Result<()> {
        let capabilities = self.capabilities();
        let allowed = if usage.contains(wgpu::BufferUsages::STORAGE) {
            capabilities.largest_binding()
        } else {
            capabilities.limits.max_buffer_size
        };
        if size_in_bytes <= allowed {
            return Ok(());
        }
        Err(Error::Limit {
            thing: label.to_owned(),
            needed: size_in_bytes,
            allowed,
            unit: "bytes in one buffer",
            advice: "use f16 weights, a smaller token budget, or an adapter with a larger limit",
        })
    }

    /// Waits until all that is submitted now is done, but not in a browser, which must not be waited for.
    pub(crate) fn settle(&self) {
        #[cfg(not(target_arch = "wasm32"))]
        Work::of(self.queue()).wait(self.device(), self.turns());
    }

    /// Waits until `submission` is done, and returns at once then: for measurements, since nobody else gets to the
    /// device meanwhile.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] or [`Error::Device`] if it never is.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let wait = wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: None,
        };
        let _turn = self.turn();
        match self.device().poll(wait) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.device_error("waiting", &error.to_string())),
        }
    }

    /// [`Gpu::wait`], where a thread may wait; [`Gpu::done`] looks now and then, which is too seldom to time a kernel by.
    ///
    /// # Errors
    /// As [`Gpu::wait`].
    #[cfg_attr(
        target_arch = "wasm32",
        expect(unused_variables, reason = "nobody may wait for it")
    )]
    pub(crate) async fn wait_exactly(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.wait(submission);
        #[cfg(target_arch = "wasm32")]
        self.done().await.map(drop)
    }

    /// Completes when all that is submitted now is done, and says when that was if it was waited for; or when the device
    /// is lost, which whatever is done with it next finds out.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] if nobody waits for the device any more, [`Error::Device`] if the system gives no thread.
    pub(crate) fn done(&self) -> impl Future<Output = Result<Option<Instant>>> + use<> {
        let (sender, done) = oneshot::channel();
        let tell = move |time| {
            let _ = sender.send(time); // nobody listens if the future was dropped
        };
        let failed = |message: &str| self.device_error("waiting for a submit", message);
        let waits = self.waiter().once_done(self.queue(), Box::new(tell));
        let waits = waits.map_err(|error| failed(&format!("there is no thread for it: {error}")));
        let lost = failed(DEVICE_LOST);
        async move {
            waits?;
            done.await.map_err(|_| lost)
        }
    }

    /// Drops `kept` when all that is submitted now is done, or the device is lost.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn keep_until_done(&self, kept: impl Send + 'static) {
        let call = Box::new(move |_| drop(kept));
        if let Err(error) = self.waiter().once_done(self.queue(), call) {
            log::warn!("there is no thread to wait for the device: {error}"); // and `kept` is gone early
        }
    }
}
