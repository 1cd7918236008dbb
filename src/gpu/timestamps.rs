//! When the device began and ended its passes, by its own clock.

use std::time::{Duration, Instant};

use super::{Gpu, ReadBuffer, TEXEL_BYTES, extent};
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

/// A kernel that takes some milliseconds anywhere, in one workgroup.
const SPIN: &str = "
@group(0) @binding(0) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn spin(@builtin(local_invocation_index) lane: u32) {
    var sum = vec4(f32(lane));
    for (var i = 0u; i < 1u << 20u; i += 1u) {
        sum = fma(sum, vec4(0.5), vec4(1.0));
    }
    y[lane] = sum;
}";

/// One that writes a texture.
const STORE: &str = "
@group(0) @binding(0) var y: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(1)
fn store() {
    textureStore(y, vec2(0u), vec4(1.0));
}";

/// How often they must be right: what is wrong as a rule may look right once. Where a host that is kept from waiting makes
/// right ones look wrong, its clock will do.
const TRIES: usize = 5;

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

    #[cfg(not(target_arch = "wasm32"))]
    fn try_timestamps(&self) -> Result<bool> {
        let mut timestamps = self.in_turn(Timestamps::new(self)?);
        let (store, spin) =
            self.checked("trying timestamps", || (self.storing(), self.spinning()))?;
        let (submission, _) = self.submit_alone(&store, None)?;
        self.wait(submission)?;
        for _ in 0..TRIES {
            let (submission, start) = self.submit_alone(&spin, Some(&timestamps))?;
            self.wait(submission)?;
            let by_the_host = start.elapsed();
            let [start, end] = self.block_on(timestamps.read(self, 1))?[0];
            let by_the_device = end.saturating_sub(start);
            // Now and then those of a driver that writes both at the end are right.
            if 2 * by_the_device <= by_the_host || by_the_device > by_the_host {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One workgroup.
    fn submit_alone(
        &self,
        (pipeline, group): &(wgpu::ComputePipeline, wgpu::BindGroup),
        timestamps: Option<&Timestamps>,
    ) -> Result<(wgpu::SubmissionIndex, Instant)> {
        self.submit_pass("trying timestamps", timestamps, |pass| {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        })
    }

    /// What takes some milliseconds.
    pub(super) fn spinning(&self) -> (wgpu::ComputePipeline, wgpu::BindGroup) {
        let buffer = self.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("spin"),
            size: 64 * u64::from(TEXEL_BYTES),
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        self.small_kernel(SPIN, buffer.as_entire_binding())
    }

    fn storing(&self) -> (wgpu::ComputePipeline, wgpu::BindGroup) {
        let texture = self.device().create_texture(&wgpu::TextureDescriptor {
            label: Some("store"),
            size: extent(1, 1),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            usage: wgpu::TextureUsages::STORAGE_BINDING, // and nothing to copy to: wgpu renders its zeros
            view_formats: &[],
        });
        let view = texture.create_view(&Default::default());
        self.small_kernel(STORE, wgpu::BindingResource::TextureView(&view))
    }

    /// The only one of a shader, and what it writes.
    fn small_kernel(
        &self,
        shader: &'static str,
        into: wgpu::BindingResource<'_>,
    ) -> (wgpu::ComputePipeline, wgpu::BindGroup) {
        let device = self.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("trying timestamps"),
            source: wgpu::ShaderSource::Wgsl(shader.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("trying timestamps"),
            layout: None,
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            cache: None,
        });
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("trying timestamps"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: into,
            }],
        });
        (pipeline, group)
    }
}
