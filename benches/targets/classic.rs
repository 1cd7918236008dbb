//! The textbook's matrix product for GPUs: what this engine's own is compared with. It uses wgpu directly.

use wgformer::Gpu;
use wgformer::tensor::Tensor;
use wgpu::util::DeviceExt;

use super::Best;

/// A product, compiled and with its operands on the device.
pub(crate) struct ClassicTile {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    y: wgpu::Buffer,
    workgroups: [u32; 2],
    dispatches: u32,
    best: Best,
}

impl ClassicTile {
    /// How long the dispatches of one submit should take, in seconds.
    const ENOUGH: f64 = 0.4;

    /// `x`: `[m, k]`; `weight`: `[n, k]`; m and n must be multiples of 64, k of 16.
    pub(crate) fn new(gpu: &Gpu, x: &[f32], weight: &Tensor) -> Self {
        let [n, k] = *weight.shape() else {
            panic!("a matrix has two axes")
        };
        let m = x.len() / k;
        assert!(m.is_multiple_of(64) && n.is_multiple_of(64) && k.is_multiple_of(16));
        assert_eq!(m * k, x.len());
        // As the textbook has it, and its reads are contiguous.
        let columns = (0..k).flat_map(|row| (0..n).map(move |column| column * k + row));
        let transposed: Vec<f32> = columns.map(|place| weight.f32()[place]).collect();

        let device = gpu.device();
        let input = |label, values: &[f32]| {
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some(label),
                contents: bytemuck::cast_slice(values),
                usage: wgpu::BufferUsages::STORAGE,
            })
        };
        let y = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("y"),
            size: 4 * (m * n) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let pipeline = pipeline(device, n, k);
        let buffers = [input("a", x), input("b", &transposed), y.clone()];
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
        let mut tile = Self {
            gpu: gpu.clone(),
            pipeline,
            group,
            y,
            workgroups: [n as u32 / 64, m as u32 / 64],
            dispatches: 1,
            best: Best::new(),
        };
        tile.round();
        tile.dispatches = (Self::ENOUGH / tile.best.0).ceil().clamp(1.0, 32.0) as u32;
        tile.best = Best::new();
        tile
    }

    /// One submit of several dispatches.
    pub(crate) fn round(&mut self) {
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        for _ in 0..self.dispatches {
            pass.dispatch_workgroups(self.workgroups[0], self.workgroups[1], 1);
        }
        drop(pass);
        let commands = encoder.finish();
        self.best.time(|| {
            self.gpu.queue().submit([commands]);
            wait(&self.gpu);
        });
    }

    /// What one dispatch takes.
    pub(crate) fn seconds(&self) -> f64 {
        self.best.0 / f64::from(self.dispatches)
    }

    /// `[m, n]`
    pub(crate) fn result(&self) -> Vec<f32> {
        let staging = self.gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("result"),
            size: self.y.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.y, 0, &staging, 0, self.y.size());
        self.gpu.queue().submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., Result::unwrap);
        wait(&self.gpu);
        let bytes = staging.get_mapped_range(..).unwrap();
        bytemuck::pod_collect_to_vec(&bytes)
    }
}

fn wait(gpu: &Gpu) {
    gpu.device()
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
}

/// Without run-time checks, as the engine's own kernels run.
fn pipeline(device: &wgpu::Device, n: usize, k: usize) -> wgpu::ComputePipeline {
    let descriptor = wgpu::include_wgsl!("../../src/bin/wgformer/bench/classic_tile.wgsl");
    #[expect(
        unsafe_code,
        reason = "wgpu asks for it; the argument is in the SAFETY comment"
    )]
    // SAFETY: the sizes are multiples of the tile's, so every index is within its buffer, and all loops end at K or 4.
    let module = unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
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
