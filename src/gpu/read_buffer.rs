//! What results are copied to, for the host to read.

use futures_channel::oneshot;

use super::Gpu;
use super::context::DEVICE_LOST;
use crate::error::Result;

/// A buffer that the device writes and the host reads, in turns.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    buffer: wgpu::Buffer,
    holder: Holder,
}

/// Who has the buffer.
#[derive(Debug)]
enum Holder {
    Device,
    /// The host asked for it, and is told when it has it.
    Asked(oneshot::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>),
    Host,
}

impl ReadBuffer {
    /// One of `size_in_bytes`.
    ///
    /// # Errors
    /// As [`Gpu::create_buffer`].
    pub(crate) fn new(gpu: &Gpu, label: &str, size_in_bytes: u64) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self {
            buffer: gpu.create_buffer(label, size_in_bytes.max(4), usage)?,
            holder: Holder::Device,
        })
    }

    /// Where copies go, while the device has it.
    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// The first `size_in_bytes`, once what is submitted now has filled them.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) or [`Error::Device`](crate::Error::Device) if that never
    /// completes.
    pub(crate) async fn read(&mut self, gpu: &Gpu, size_in_bytes: u64) -> Result<Vec<u8>> {
        if size_in_bytes == 0 {
            return Ok(Vec::new());
        }
        self.ask(gpu, size_in_bytes)?;
        gpu.done().await?;
        let failed = |message: &str| gpu.device_error("reading a result back", message);
        if !self.host_has_it().await {
            // Nothing else keeps a buffer from being mapped that this crate alone knows.
            return Err(failed(DEVICE_LOST));
        }
        let bytes = {
            let _turn = gpu.turn();
            let view = self.buffer.get_mapped_range(..size_in_bytes);
            view.map_err(|error| failed(&error.to_string()))?.to_vec()
        };
        self.give_back(gpu).await?;
        Ok(bytes)
    }

    fn ask(&mut self, gpu: &Gpu, size_in_bytes: u64) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.holder = Holder::Asked(receiver);
        let tell = |result| {
            let _ = sender.send(result); // nobody listens if the buffer is dropped
        };
        gpu.checked("mapping a result", || {
            let mode = wgpu::MapMode::Read;
            self.buffer.map_async(mode, ..size_in_bytes, tell);
        })
    }

    /// Lets the device have it, also after a read that was given up: not before the host was told that it has it, since
    /// wgpu loses an `unmap` of one thread that comes while another thread's poll maps the buffer.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) or [`Error::Device`](crate::Error::Device).
    pub(crate) async fn give_back(&mut self, gpu: &Gpu) -> Result<()> {
        if self.host_has_it().await {
            self.holder = Holder::Device;
            gpu.checked("giving a result's buffer back", || self.buffer.unmap())?;
        }
        Ok(())
    }

    /// Waits until it has what it asked for, which a lost device does not give.
    async fn host_has_it(&mut self) -> bool {
        if let Holder::Asked(told) = &mut self.holder {
            self.holder = match told.await {
                Ok(Ok(())) => Holder::Host,
                _ => Holder::Device,
            };
        }
        matches!(self.holder, Holder::Host)
    }
}
