//! What work costs whatever its size: dispatches, submits, the ways to the device and back, compilation.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::Result;
use wgformer::Gpu;

use super::Rate;
use crate::bench::checked::{checked, wait};
use crate::bench::summary::{Repeats, Summary};

/// What a dispatch adds to a pass of one.
///
/// # Errors
/// If the device was lost.
pub(super) fn dispatch(gpu: &Gpu, repeats: Repeats) -> Result<Summary> {
    const MANY: u32 = 1000;
    let pipeline = pipeline(gpu, 0)?;
    let time = |dispatches: u32| {
        gpu.time_pass(|pass| {
            pass.set_pipeline(&pipeline);
            (0..dispatches).for_each(|_| pass.dispatch_workgroups(1, 1, 1));
        })
    };
    repeats.of(|| Ok(time(MANY + 1)?.saturating_sub(time(1)?) / MANY))
}

/// # Errors
/// If the device was lost.
pub(super) fn submit(gpu: &Gpu, repeats: Repeats) -> Result<Summary> {
    repeats.of(|| {
        let _turn = gpu.turn();
        let start = Instant::now();
        gpu.queue().submit([]);
        wait(gpu)?;
        Ok(start.elapsed())
    })
}

/// # Errors
/// If the device was lost.
pub(super) fn read_back(gpu: &Gpu, repeats: Repeats) -> Result<Summary> {
    use wgpu::BufferUsages as Usage;
    let buffer = |usage| buffer(gpu, 4, usage);
    let (source, read) = (
        buffer(Usage::COPY_SRC)?,
        buffer(Usage::COPY_DST | Usage::MAP_READ)?,
    );
    repeats.of(|| {
        let _turn = gpu.turn();
        let start = Instant::now();
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&source, 0, &read, 0, 4);
        gpu.queue().submit([encoder.finish()]);
        read.map_async(wgpu::MapMode::Read, .., |_| ());
        wait(gpu)?;
        let bytes = read.get_mapped_range(..)?.to_vec();
        let elapsed = start.elapsed();
        assert_eq!(bytes.len(), 4);
        read.unmap();
        Ok(elapsed)
    })
}

/// # Errors
/// If the device was lost.
pub(super) fn upload(gpu: &Gpu, repeats: Repeats) -> Result<Rate> {
    const BYTES: u64 = 32 << 20;
    let bytes = vec![1; BYTES as usize];
    let buffer = buffer(gpu, BYTES, wgpu::BufferUsages::COPY_DST)?;
    let time = repeats.of(|| {
        let _turn = gpu.turn();
        let start = Instant::now();
        gpu.queue().write_buffer(&buffer, 0, &bytes);
        gpu.queue().submit([]);
        wait(gpu)?;
        Ok(start.elapsed())
    })?;
    Ok(Rate {
        per_second: time.rate(BYTES as f64),
        time,
    })
}

/// # Errors
/// If the device was lost.
pub(super) fn compile(gpu: &Gpu, repeats: Repeats) -> Result<Summary> {
    // Of another process than this, too, which a driver may have kept.
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = Cell::new(time.unwrap_or_default().subsec_nanos());
    let few = Repeats {
        most: repeats.most.min(8),
        ..repeats
    };
    few.of(|| {
        seed.set(seed.get().wrapping_add(1));
        let start = Instant::now();
        let pipeline = pipeline(gpu, seed.get())?;
        // Some drivers compile at the first dispatch.
        let _: Duration = gpu.time_pass(|pass| {
            pass.set_pipeline(&pipeline);
            pass.dispatch_workgroups(1, 1, 1);
        })?;
        Ok(start.elapsed())
    })
}

/// One that does nothing with the outside, in which `seed` stands: as an integer, since a float is the same for many.
fn pipeline(gpu: &Gpu, seed: u32) -> Result<wgpu::ComputePipeline> {
    let text = format!(
        "var<workgroup> sums: array<vec4<f32>, 64>;\n\
         @compute @workgroup_size(64)\n\
         fn nothing(@builtin(local_invocation_index) lane: u32) {{\n\
             sums[lane] = vec4(f32(lane ^ {seed}u), 0.0, 1.0, 2.0);\n\
             workgroupBarrier();\n\
             for (var step = 32u; step > 0u; step /= 2u) {{\n\
                 if lane < step {{ sums[lane] = fma(sums[lane], sums[lane + step], sums[lane + step]); }}\n\
                 workgroupBarrier();\n\
             }}\n\
         }}"
    );
    checked(gpu, "measuring latencies", |device| {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("nothing"),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("nothing"),
            layout: None,
            module: &module,
            entry_point: Some("nothing"),
            compilation_options: Default::default(),
            cache: None,
        })
    })
}

fn buffer(gpu: &Gpu, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    checked(gpu, "measuring latencies", |device| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage,
            mapped_at_creation: false,
        })
    })
}
