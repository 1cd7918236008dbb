use std::time::Instant;

use futures_channel::oneshot;

use super::Gpu;
use super::context::DEVICE_LOST;
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

    /// A read-only storage buffer that holds `words`.
    ///
    /// # Errors
    /// As [`Gpu::create_buffer`].
    pub(crate) fn upload(&self, label: &str, words: &[u32]) -> Result<wgpu::Buffer> {
        let bytes = bytemuck::cast_slice(words);
        self.create_buffer_with(
            label,
            bytes.len() as u64,
            wgpu::BufferUsages::STORAGE,
            Some(bytes),
        )
    }

    /// A buffer that holds `bytes` to be copied elsewhere.
    ///
    /// # Errors
    /// As [`Gpu::create_buffer`].
    pub(crate) fn upload_for_copies(&self, label: &str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let size = (bytes.len() as u64).next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
        let usage = wgpu::BufferUsages::COPY_SRC;
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
        let limits = &self.capabilities().limits;
        let binding = if usage.contains(wgpu::BufferUsages::STORAGE) {
            limits.max_storage_buffer_binding_size
        } else {
            u64::MAX
        };
        let allowed = limits.max_buffer_size.min(binding);
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

    /// Waits until `submission` is done, but not in a browser, which must not be waited for.
    ///
    /// # Errors
    /// As [`Gpu::wait`].
    pub(crate) fn settle(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        self.wait(submission)?;
        #[cfg(target_arch = "wasm32")]
        drop(submission);
        Ok(())
    }

    /// Waits until `submission` is done.
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

    /// Completes when `submission` is done, and says when that was if it was waited for; or when the device is lost,
    /// which whatever is done with it next finds out.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] if nobody waits for the device any more.
    pub(crate) fn done(
        &self,
        submission: wgpu::SubmissionIndex,
    ) -> impl Future<Output = Result<Option<Instant>>> + use<> {
        let done = self.waiter().wait_for(self.queue(), submission);
        let lost = self.device_error("waiting for a submit", DEVICE_LOST);
        async move { done.await.map_err(|_| lost) }
    }

    /// The first `size_in_bytes` of a mappable buffer, once `submission` has filled it.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] or [`Error::Device`] if the submission never completes.
    pub(crate) async fn read(
        &self,
        buffer: &wgpu::Buffer,
        size_in_bytes: u64,
        submission: wgpu::SubmissionIndex,
    ) -> Result<Vec<u8>> {
        if size_in_bytes == 0 {
            return Ok(Vec::new());
        }
        let (sender, receiver) = oneshot::channel();
        self.checked("mapping a result", || {
            buffer.map_async(wgpu::MapMode::Read, ..size_in_bytes, |result| {
                let _ = sender.send(result); // nobody listens if the future was dropped
            });
        })?;
        self.done(submission).await?;
        let failed = |message: String| self.device_error("reading a result back", &message);
        let mapped = receiver.await.map_err(|_| failed(DEVICE_LOST.to_owned()))?;
        // Nothing but a lost device keeps a buffer from being mapped that this crate alone knows.
        mapped.map_err(|_| failed(DEVICE_LOST.to_owned()))?;
        let _turn = self.turn();
        let view = buffer
            .get_mapped_range(..size_in_bytes)
            .map_err(|error| failed(error.to_string()))?;
        let bytes = view.to_vec();
        drop(view);
        buffer.unmap();
        Ok(bytes)
    }
}
