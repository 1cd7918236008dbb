//! Commands of the benchmark's own, timed on the device: it uses wgpu directly.

use std::time::{Duration, Instant};

use anyhow::Result;
use wgformer::Gpu;

/// Times compute passes, by the clock that [`wgformer::plan::Plan::time`] goes by: the device's where it has one.
pub(crate) struct Stopwatch {
    gpu: Gpu,
    timestamps: Option<Timestamps>,
}

struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    read: wgpu::Buffer,
}

/// Two timestamps.
const BYTES: u64 = 16;

impl Stopwatch {
    pub(crate) fn new(gpu: &Gpu) -> Self {
        let has_timestamps = gpu.has_timestamps();
        let _turn = gpu.turn();
        let timestamps = has_timestamps.then(|| Timestamps::new(gpu.device()));
        Self {
            gpu: gpu.clone(),
            timestamps,
        }
    }

    /// Whose it is, as reports have it.
    pub(crate) fn clock(&self) -> &'static str {
        match self.timestamps {
            Some(_) => "device",
            None => "host",
        }
    }

    /// How long what `record` puts into one pass takes.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn time(&self, record: impl FnOnce(&mut wgpu::ComputePass<'_>)) -> Result<Duration> {
        let _turn = self.gpu.turn();
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&Default::default());
        {
            let descriptor = wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: self.timestamps.as_ref().map(Timestamps::writes),
            };
            record(&mut encoder.begin_compute_pass(&descriptor));
        }
        if let Some(timestamps) = &self.timestamps {
            timestamps.record(&mut encoder);
        }
        let start = Instant::now();
        self.gpu.queue().submit([encoder.finish()]);
        wait(&self.gpu)?;
        let elapsed = start.elapsed();
        match &self.timestamps {
            Some(timestamps) => timestamps.read(&self.gpu),
            None => Ok(elapsed),
        }
    }
}

impl Timestamps {
    fn new(device: &wgpu::Device) -> Self {
        use wgpu::BufferUsages as Usage;
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: BYTES,
                usage,
                mapped_at_creation: false,
            })
        };
        Self {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: buffer(Usage::QUERY_RESOLVE | Usage::COPY_SRC),
            read: buffer(Usage::COPY_DST | Usage::MAP_READ),
        }
    }

    fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.read, 0, BYTES);
    }

    fn read(&self, gpu: &Gpu) -> Result<Duration> {
        self.read.map_async(wgpu::MapMode::Read, .., |_| ());
        wait(gpu)?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&self.read.get_mapped_range(..)?);
        self.read.unmap();
        let ticks = ticks[1].saturating_sub(ticks[0]) as f64;
        let nanoseconds = ticks * f64::from(gpu.queue().get_timestamp_period());
        Ok(Duration::from_secs_f64(nanoseconds / 1e9))
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
