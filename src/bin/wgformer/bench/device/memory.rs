use std::time::Duration;

use anyhow::Result;
use wgformer::Gpu;

use super::Memory;
use crate::bench::checked::checked;
use crate::bench::summary::Repeats;

/// Buffers from what a cache holds to what none does, as far as the device allows.
const SIZES: [u64; 6] = [256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20];

/// An access, and how many bytes it moves for each of the buffer's.
const ACCESSES: [(&str, f64); 3] = [("read", 1.0), ("write", 1.0), ("copy", 2.0)];

/// Bytes of a vector.
const VECTOR: u64 = 16;

/// Lanes of a workgroup.
const WORKGROUP: u64 = 256;

/// Vectors that a lane goes through.
const STEPS: u64 = 16;

/// A pass goes over a small buffer as often as makes this many bytes, so that starting it does not count.
const ENOUGH: u64 = 64 << 20;

/// # Errors
/// If the device was lost.
pub(super) fn measure(gpu: &Gpu, repeats: Repeats) -> Result<Vec<Memory>> {
    let most = gpu.capabilities().largest_binding();
    let enough = if gpu.capabilities().is_software() {
        ENOUGH / 16
    } else {
        ENOUGH
    };
    let mut all = Vec::new();
    for bytes in SIZES.into_iter().filter(|bytes| *bytes <= most) {
        let buffers = Buffers::new(gpu, bytes)?;
        for (access, times) in ACCESSES {
            let pipeline = buffers.pipeline(access)?;
            let rounds = enough.div_ceil(bytes);
            let time = repeats.of(|| buffers.time(&pipeline, rounds))?;
            all.push(Memory {
                access: access.to_owned(),
                bytes,
                bytes_per_second: rounds as f64 * times * bytes as f64 / time.least,
                time,
            });
        }
    }
    Ok(all)
}

struct Buffers {
    gpu: Gpu,
    bytes: u64,
    layout: wgpu::BindGroupLayout,
    group: wgpu::BindGroup,
}

impl Buffers {
    fn new(gpu: &Gpu, bytes: u64) -> Result<Self> {
        checked(gpu, "measuring memory", |device| {
            Self::on(gpu, device, bytes)
        })
    }

    fn on(gpu: &Gpu, device: &wgpu::Device, bytes: u64) -> Self {
        let entry = |binding, read_only| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("memory"),
            entries: &[entry(0, true), entry(1, false)],
        });
        let buffer = || {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("memory"),
                size: bytes,
                usage: wgpu::BufferUsages::STORAGE,
                mapped_at_creation: false,
            })
        };
        let [x, y] = [buffer(), buffer()];
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &[(0, &x), (1, &y)].map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            }),
        });
        Self {
            gpu: gpu.clone(),
            bytes,
            layout,
            group,
        }
    }

    fn pipeline(&self, access: &str) -> Result<wgpu::ComputePipeline> {
        checked(&self.gpu, "measuring memory", |device| {
            let module = device.create_shader_module(wgpu::include_wgsl!("memory.wgsl"));
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some("memory"),
                bind_group_layouts: &[Some(&self.layout)],
                immediate_size: 0,
            });
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(access),
                layout: Some(&layout),
                module: &module,
                entry_point: Some(&format!("{access}_all")),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[("STEPS", STEPS as f64)],
                    ..Default::default()
                },
                cache: None,
            })
        })
    }

    fn time(&self, pipeline: &wgpu::ComputePipeline, rounds: u64) -> Result<Duration> {
        let workgroups = self.bytes / (VECTOR * STEPS * WORKGROUP);
        let time = self.gpu.time_pass(|pass| {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            for _ in 0..rounds {
                pass.dispatch_workgroups(workgroups as u32, 1, 1);
            }
        });
        Ok(time?)
    }
}
