//! The textbook's matrix product, which every run measures beside the engine's own.

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::verify::Random;
use wgpu::util::DeviceExt;

use super::checked::checked;
use super::samples::{Repeats, Summary};
use super::timed_pass::{Stopwatch, wait};

/// What it came to.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Reference {
    /// Rows and columns of the result, and what is summed up.
    pub(crate) shape: [usize; 3],
    pub(crate) flops_per_second: f64,
    pub(crate) time: Summary,
}

/// Ready to be timed, alone or in turns with something else.
pub(crate) struct Baseline {
    product: Product,
    stopwatch: Stopwatch,
}

impl Baseline {
    /// # Errors
    /// If it computes wrongly, or the device was lost.
    pub(crate) fn new(gpu: &Gpu) -> Result<Self> {
        let shape = if gpu.capabilities().is_software() {
            [128, 384, 384]
        } else {
            [1024, 1536, 384]
        };
        let product = checked(gpu, "the reference product", |device| {
            Product::new(gpu, device, shape)
        })?;
        let stopwatch = Stopwatch::new(gpu);
        product.time(&stopwatch)?;
        product.check()?;
        Ok(Self { product, stopwatch })
    }

    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(&self, repeats: Repeats) -> Result<Reference> {
        let time = repeats.of(|| self.time())?;
        Ok(Reference {
            shape: self.product.shape,
            flops_per_second: time.rate(self.flops()),
            time,
        })
    }

    /// Once.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn time(&self) -> Result<Duration> {
        self.product.time(&self.stopwatch)
    }

    /// Its multiplications and additions.
    pub(crate) fn flops(&self) -> f64 {
        2.0 * self.product.shape.iter().product::<usize>() as f64
    }
}

/// As the engine's own kernels run: with the checks the comparison would not be fair.
fn without_checks(
    device: &wgpu::Device,
    shader: wgpu::ShaderModuleDescriptor<'_>,
) -> wgpu::ShaderModule {
    #[expect(
        unsafe_code,
        reason = "wgpu asks for it; the argument is in the SAFETY comment"
    )]
    // SAFETY: the sizes of both shapes are multiples of the tile's, so every index is within its buffer, and all loops end
    // at K or 4.
    unsafe {
        device.create_shader_module_trusted(shader, wgpu::ShaderRuntimeChecks::unchecked())
    }
}

struct Product {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    shape: [usize; 3],
    /// `[m, k]`
    a: Vec<f32>,
    /// `[k, n]`
    b: Vec<f32>,
    /// `[m, n]`
    y: wgpu::Buffer,
}

impl Product {
    fn new(gpu: &Gpu, device: &wgpu::Device, shape: [usize; 3]) -> Self {
        let [m, n, k] = shape;
        let mut random = Random::new(3);
        let mut values = |count: usize| (0..count).map(|_| random.unit()).collect::<Vec<f32>>();
        let (a, b) = (values(m * k), values(k * n));
        let input = |values: &[f32]| {
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some("reference"),
                contents: bytemuck::cast_slice(values),
                usage: wgpu::BufferUsages::STORAGE,
            })
        };
        let y = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("reference"),
            size: 4 * (m * n) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let module = without_checks(device, wgpu::include_wgsl!("classic_tile.wgsl"));
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("reference"),
            layout: None,
            module: &module,
            entry_point: Some("classic_tile"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("N", n as f64), ("K", k as f64)],
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let entries = [&input(&a), &input(&b), &y];
        let entries = (0..)
            .zip(entries)
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
            shape,
            a,
            b,
            y,
        }
    }

    fn time(&self, stopwatch: &Stopwatch) -> Result<Duration> {
        let [m, n, _] = self.shape.map(|it| it as u32);
        stopwatch.time(|pass| {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(n / 64, m / 64, 1);
        })
    }

    /// Some rows against sums in f64.
    fn check(&self) -> Result<()> {
        let [m, n, k] = self.shape;
        let found = self.result()?;
        for row in [0, m / 2, m - 1] {
            for column in 0..n {
                let products = (0..k)
                    .map(|i| f64::from(self.a[row * k + i]) * f64::from(self.b[i * n + column]));
                let expected: f64 = products.sum();
                let found = found[row * n + column];
                if (f64::from(found) - expected).abs() > 1e-3 {
                    return Err(anyhow!(
                        "the reference product computes wrongly on this adapter: {found} in place of {expected} at {row}, {column}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn result(&self) -> Result<Vec<f32>> {
        let _turn = self.gpu.turn();
        let device = self.gpu.device();
        let read = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("reference"),
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
