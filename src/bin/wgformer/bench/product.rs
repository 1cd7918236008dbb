//! The textbook's matrix product for GPUs, which this engine's own are compared with: here, and in `benches/targets`. It uses
//! wgpu directly.

use std::time::Duration;

use anyhow::Result;
use wgformer::Gpu;
use wgpu::util::DeviceExt;

use super::checked::{checked, wait};

/// A product, compiled and with its operands on the device.
pub(crate) struct Product {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    /// `[m, n]`
    y: wgpu::Buffer,
    /// Of the columns and rows of `y`.
    workgroups: [u32; 2],
}

impl Product {
    /// `a`: `[m, k]`, row-major; `b`: `[k, n]`.
    ///
    /// # Panics
    /// If m or n is no multiple of 64, or k none of 16; if the operands have other sizes.
    ///
    /// # Errors
    /// What the device has against it.
    pub(crate) fn new(gpu: &Gpu, [m, n, k]: [usize; 3], a: &[f32], b: &[f32]) -> Result<Self> {
        assert!(m.is_multiple_of(64) && n.is_multiple_of(64) && k.is_multiple_of(16));
        assert_eq!((a.len(), b.len()), (m * k, k * n));
        checked(gpu, "the textbook's product", |device| {
            let pipeline = pipeline(device, n, k);
            let y = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("y"),
                size: 4 * (m * n) as u64,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            let buffers = [input(device, "a", a), input(device, "b", b), y.clone()];
            let entries = (0..)
                .zip(&buffers)
                .map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.as_entire_binding(),
                });
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries.collect::<Vec<_>>(),
            });
            Self {
                gpu: gpu.clone(),
                pipeline,
                group,
                y,
                workgroups: [n as u32 / 64, m as u32 / 64],
            }
        })
    }

    /// How long so many dispatches take, one after another.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn time(&self, dispatches: u32) -> Result<Duration> {
        let [columns, rows] = self.workgroups;
        Ok(self.gpu.time_pass(|pass| {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            (0..dispatches).for_each(|_| pass.dispatch_workgroups(columns, rows, 1));
        })?)
    }

    /// `[m, n]`, row-major, once it was timed.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn result(&self) -> Result<Vec<f32>> {
        let _turn = self.gpu.turn();
        let device = self.gpu.device();
        let read = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("result"),
            size: self.y.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.y, 0, &read, 0, self.y.size());
        self.gpu.queue().submit([encoder.finish()]);
        read.map_async(wgpu::MapMode::Read, .., |_| ());
        wait(&self.gpu)?;
        Ok(bytemuck::pod_collect_to_vec(&read.get_mapped_range(..)?))
    }
}

fn input(device: &wgpu::Device, label: &str, values: &[f32]) -> wgpu::Buffer {
    device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: Some(label),
        contents: bytemuck::cast_slice(values),
        usage: wgpu::BufferUsages::STORAGE,
    })
}

/// Without run-time checks, as the engine's own kernels run: with them the comparison would not be fair.
fn pipeline(device: &wgpu::Device, n: usize, k: usize) -> wgpu::ComputePipeline {
    let shader = wgpu::include_wgsl!("classic_tile.wgsl");
    #[expect(
        unsafe_code,
        reason = "wgpu asks for it; the argument is in the SAFETY comment"
    )]
    // SAFETY: the sizes are multiples of the tile's, so every index is within its buffer, and all loops end at K or 4.
    let module = unsafe {
        device.create_shader_module_trusted(shader, wgpu::ShaderRuntimeChecks::unchecked())
    };
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("classic_tile"),
        layout: None,
        module: &module,
        entry_point: Some("classic_tile"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &[("N", n as f64), ("K", k as f64)],
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}
