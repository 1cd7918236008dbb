use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgpu::util::DeviceExt;

use super::Arithmetic;
use crate::bench::checked::checked;
use crate::bench::summary::Repeats;

/// What is multiplied, and added up in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    F32,
    F16,
    /// Four pairs at once, added up in i32.
    Int8Dot,
    /// Matrices of 8 x 8 in f16, added up in f32.
    Cooperative8,
    /// The same of 16 x 16.
    Cooperative16,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::F32,
        Self::F16,
        Self::Int8Dot,
        Self::Cooperative8,
        Self::Cooperative16,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8Dot => "int8, dot products",
            Self::Cooperative8 => "f16, matrices of 8x8",
            Self::Cooperative16 => "f16, matrices of 16x16",
        }
    }

    fn is_here(self, gpu: &Gpu) -> bool {
        let capabilities = gpu.capabilities();
        match self {
            Self::F32 | Self::Int8Dot => true,
            Self::F16 => capabilities.features.contains(wgpu::Features::SHADER_F16),
            Self::Cooperative8 => capabilities.cooperative_matrices.contains(&8),
            Self::Cooperative16 => capabilities.cooperative_matrices.contains(&16),
        }
    }

    fn shader(self) -> wgpu::ShaderModuleDescriptor<'static> {
        match self {
            Self::F32 => wgpu::include_wgsl!("arithmetic_f32.wgsl"),
            Self::F16 => wgpu::include_wgsl!("arithmetic_f16.wgsl"),
            Self::Int8Dot => wgpu::include_wgsl!("arithmetic_int8.wgsl"),
            Self::Cooperative8 => wgpu::include_wgsl!("arithmetic_cooperative_8.wgsl"),
            Self::Cooperative16 => wgpu::include_wgsl!("arithmetic_cooperative_16.wgsl"),
        }
    }

    /// Multiplications and additions of a workgroup, each time round the loop.
    fn flops_per_loop(self, gpu: &Gpu) -> f64 {
        let lanes = f64::from(WORKGROUP);
        match self {
            Self::F32 | Self::F16 => lanes * 32.0 * 3.0 * 4.0 * 2.0,
            Self::Int8Dot => lanes * 8.0 * 8.0 * 4.0 * 2.0,
            Self::Cooperative8 | Self::Cooperative16 => {
                let side = if self == Self::Cooperative8 {
                    8.0
                } else {
                    16.0
                };
                let subgroup = gpu.capabilities().info.subgroup_max_size.max(1);
                let subgroups = f64::from(WORKGROUP.div_ceil(subgroup));
                subgroups * 4.0 * 2.0 * f64::powi(side, 3)
            }
        }
    }
}

/// Lanes.
const WORKGROUP: u32 = 64;

/// Enough for every core of a large GPU, many times over.
const WORKGROUPS: u32 = 4096;

/// On a software adapter, where a core runs one after another.
const FEW: u32 = 64;

/// A dispatch is at least so long, so that starting it does not count.
const LONG: Duration = Duration::from_millis(20);

/// The best rate of each kind that is here.
///
/// # Errors
/// If the device was lost.
pub(super) fn measure(gpu: &Gpu, repeats: Repeats) -> Result<Vec<Arithmetic>> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_here(gpu));
    kinds.map(|kind| measure_one(gpu, repeats, kind)).collect()
}

fn measure_one(gpu: &Gpu, repeats: Repeats, kind: Kind) -> Result<Arithmetic> {
    let workgroups = if gpu.capabilities().is_software() {
        FEW
    } else {
        WORKGROUPS
    };
    let mut loops = 64;
    let mut program = Program::new(gpu, kind, workgroups, loops)?;
    loop {
        let time = program.time(gpu)?; // the driver compiles at the first
        let time = time.min(program.time(gpu)?);
        if time >= LONG || loops >= 1 << 24 {
            break;
        }
        let wanted = LONG.as_secs_f64() / time.as_secs_f64().max(1e-6);
        loops *= wanted.clamp(2.0, 64.0).ceil() as u32;
        program = Program::new(gpu, kind, workgroups, loops)?;
    }
    let time = repeats.of(|| program.time(gpu))?;
    let flops = f64::from(workgroups) * f64::from(loops) * kind.flops_per_loop(gpu);
    Ok(Arithmetic {
        kind,
        flops_per_second: flops / time.least,
        time,
    })
}

struct Program {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    workgroups: u32,
}

impl Program {
    fn new(gpu: &Gpu, kind: Kind, workgroups: u32, loops: u32) -> Result<Self> {
        checked(gpu, "measuring arithmetic", |device| {
            Self::on(device, kind, workgroups, loops)
        })
    }

    fn on(device: &wgpu::Device, kind: Kind, workgroups: u32, loops: u32) -> Self {
        let module = device.create_shader_module(kind.shader());
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("arithmetic"),
            layout: None,
            module: &module,
            entry_point: Some("arithmetic"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("LOOPS", f64::from(loops)), ("SCALE", 0.5)],
                ..Default::default()
            },
            cache: None,
        });
        // As much as the largest matrices write.
        let zeros = vec![0_u8; 4 * workgroups as usize * 4 * 16 * 16];
        let y = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some("arithmetic"),
            contents: &zeros,
            usage: wgpu::BufferUsages::STORAGE,
        });
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: y.as_entire_binding(),
            }],
        });
        Self {
            pipeline,
            group,
            workgroups,
        }
    }

    fn time(&self, gpu: &Gpu) -> Result<Duration> {
        let time = gpu.time_pass(|pass| {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(self.workgroups, 1, 1);
        });
        Ok(time?)
    }
}
