//! When the device began and ended its passes, by its own clock.

use std::time::Duration;

use super::{Gpu, ReadBuffer};
use crate::error::Result;

/// Passes that one set of queries is enough for: Metal has few sets, of at most so many bytes.
pub(crate) const MOST_PASSES: usize = 128;

/// Where the device writes them, and the host reads them.
#[derive(Debug)]
pub(crate) struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    read: ReadBuffer,
}

/// Of a timestamp.
const BYTES: u64 = size_of::<u64>() as u64;

impl Timestamps {
    /// # Errors
    /// As [`Gpu::create_buffer`].
    pub(crate) fn new(gpu: &Gpu) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let count = 2 * MOST_PASSES as u32;
        let descriptor = wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        };
        let size = BYTES * u64::from(count);
        Ok(Self {
            queries: gpu.checked("making timestamps", || {
                gpu.device().create_query_set(&descriptor)
            })?,
            resolved: gpu.create_buffer(
                "timestamps",
                size,
                Usage::QUERY_RESOLVE | Usage::COPY_SRC,
            )?,
            read: ReadBuffer::new(gpu, "timestamps on the host", size)?,
        })
    }

    /// What has pass number `pass` write when it begins and ends.
    pub(crate) fn of_pass(&self, pass: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * pass as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Has so many passes' brought to the host after them.
    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder, passes: usize) {
        let count = 2 * passes as u32;
        encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
        let size = BYTES * u64::from(count);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, self.read.buffer(), 0, size);
    }

    /// When each of so many passes began and ended, once what is submitted now is done, on the device's clock, which
    /// began at some time.
    ///
    /// # Errors
    /// As [`ReadBuffer::read`].
    pub(crate) async fn read(&mut self, gpu: &Gpu, passes: usize) -> Result<Vec<[Duration; 2]>> {
        let bytes = self.read.read(gpu, 2 * BYTES * passes as u64).await?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&bytes);
        let period = f64::from(gpu.queue().get_timestamp_period());
        let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 * period / 1e9);
        let pairs = ticks.chunks_exact(2);
        Ok(pairs.map(|pair| [time(pair[0]), time(pair[1])]).collect())
    }
}

impl Gpu {
    /// Whether the device has timestamps (`TIMESTAMP_QUERY`), and a pass that takes long does by them too: lavapipe 22.3
    /// writes both of a pass at its end once anything was rendered, such as the zeros of a texture that is not copied to.
    /// Tried once.
    ///
    /// ```
    /// let gpu = wgformer::Gpu::new()?;
    /// let clock = if gpu.has_timestamps() { "its own" } else { "the host's" };
    /// println!("a profile of {} goes by {clock} clock", gpu.capabilities());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn has_timestamps(&self) -> bool {
        let features = self.capabilities().features;
        features.contains(wgpu::Features::TIMESTAMP_QUERY)
            && self.timestamps_are_right(|| {
                let right = self.try_timestamps();
                right.unwrap_or_else(|error| {
                    log::warn!("timestamps are not used: {error}");
                    false
                })
            })
    }

    /// A browser must not be waited for.
    #[cfg(target_arch = "wasm32")]
    fn try_timestamps(&self) -> Result<bool> {
        Ok(false)
    }
}
