use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::{Gpu, Resource};
use crate::error::{Error, Result};
use crate::kernel::{Access, Constants, Kernel};
use crate::profile::Track;

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    /// The layout of `@group(0)`, the tensors.
    pub(crate) tensor_layout: wgpu::BindGroupLayout,
    /// The layout of `@group(1)`, the uniform `Params` at a dynamic offset.
    pub(crate) params_layout: wgpu::BindGroupLayout,
    /// Whether [`Gpu::finish_pipeline`] was called for it.
    is_finished: AtomicBool,
}

/// No kernel's uniform has more bytes.
pub(super) const MOST_PARAMS: u64 = 256;

/// Compiled kernels by text and constants.
pub(super) type PipelineCache = Mutex<HashMap<(&'static str, Constants), Arc<Pipeline>>>;

impl Gpu {
    /// The pipeline of a specialised kernel, compiled at most once per device (or twice, if two threads race for it).
    ///
    /// # Errors
    /// [`Error::Kernel`] if the shader does not specialise or the driver refuses it.
    pub(crate) fn pipeline(
        &self,
        kernel: &'static Kernel,
        constants: &Constants,
    ) -> Result<Arc<Pipeline>> {
        let key = (kernel.wgsl, constants.clone());
        let cache = || {
            self.pipelines()
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        if let Some(pipeline) = cache().get(&key) {
            return Ok(Arc::clone(pipeline));
        }
        let wgsl = kernel.compose(constants)?; // outside the lock: others compile meanwhile
        let compile = || self.checked("compiling", || self.compile(kernel, &wgsl));
        let pipeline = self
            .measure(Track::Compile, kernel.name, compile)
            .map_err(|error| match error {
                Error::Device { message, .. } => Error::Kernel {
                    kernel: kernel.name.to_owned(),
                    message: format!("{constants:?}: {message}"),
                },
                other => other,
            })?;
        Ok(Arc::clone(
            cache().entry(key).or_insert_with(|| Arc::new(pipeline)),
        ))
    }

    fn compile(&self, kernel: &Kernel, wgsl: &str) -> Pipeline {
        let device = self.device();
        let tensor_layout = tensor_layout(device, kernel);
        let params_layout = params_layout(device, kernel);
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&tensor_layout), Some(&params_layout)],
            immediate_size: 0,
        });
        let module = trusted_module(device, kernel.name, wgsl);
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(kernel.name),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes its workgroup memory before it reads it; zeroing is a serial prologue.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: self.driver_cache(),
        });
        Pipeline {
            pipeline,
            tensor_layout,
            params_layout,
            is_finished: AtomicBool::new(false),
        }
    }
}

impl Gpu {
    /// Has the driver finish a pipeline now, while weights are read, rather than at its first dispatch, where lavapipe
    /// takes a third of a second for each: a dispatch of no workgroups, with stand-ins for what it binds. Once for each.
    ///
    /// Not on GL, which compiles while it submits, and would for variants that are never run.
    pub(crate) fn finish_pipeline(&self, kernel: &Kernel, pipeline: &Pipeline) -> Result<()> {
        let is_on_gl = self.capabilities().info.backend == wgpu::Backend::Gl;
        if is_on_gl || pipeline.is_finished.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let tensors = kernel.bindings.iter().map(|access| self.stand_in(*access));
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let params = [self.small_buffer(wgpu::BufferUsages::UNIFORM)?];
        self.checked("warming a pipeline up", || {
            let tensors = self.bind("warm-up", &pipeline.tensor_layout, &tensors);
            let params = self.bind("warm-up", &pipeline.params_layout, &params);
            let mut encoder = self.device().create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, &tensors, &[]);
                pass.set_bind_group(1, &params, &[0]);
                pass.dispatch_workgroups(0, 1, 1);
            }
            self.queue().submit([encoder.finish()]);
        })
    }

    /// What a kernel binds, in order.
    ///
    /// Errors are the device's own, so call it within [`Gpu::checked`].
    pub(crate) fn bind(
        &self,
        label: &str,
        layout: &wgpu::BindGroupLayout,
        resources: &[Resource],
    ) -> wgpu::BindGroup {
        let entries: Vec<_> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry {
                binding,
                resource: resource.binding(),
            })
            .collect();
        self.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(label),
            layout,
            entries: &entries,
        })
    }

    fn stand_in(&self, access: Access) -> Result<Resource> {
        match binding_type(access) {
            wgpu::BindingType::StorageTexture { format, .. } => {
                let usage = wgpu::TextureUsages::STORAGE_BINDING;
                let texture = self.create_texture("warm-up", [1, 1], format, usage)?;
                Ok(Resource::texture(texture))
            }
            _ => self.small_buffer(wgpu::BufferUsages::STORAGE),
        }
    }

    /// Large enough for any `Params`, and for one element of any array.
    fn small_buffer(&self, usage: wgpu::BufferUsages) -> Result<Resource> {
        let buffer = self.create_buffer("warm-up", MOST_PARAMS, usage)?;
        Ok(Resource::Buffer(buffer))
    }
}

/// The one place where wgpu's run-time checks are turned off, for speed: a bounds check costs a `min` per access, and
/// the bound on loops a counter per iteration that also stops unrolling.
fn trusted_module(device: &wgpu::Device, name: &str, wgsl: &str) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(wgsl.into()),
    };
    #[expect(
        unsafe_code,
        reason = "wgpu asks for it; the argument is in the SAFETY comment"
    )]
    // SAFETY: every kernel is one of this crate's own, since a graph takes no other operation, and runs on the graph
    // that it was offered for. All indices come from
    // `Params`, grids and inputs that the plan has checked on the host: buffers have the sizes that the graph's shapes
    // say, ids are below their table's length, segment offsets ascend to the token count. All loops are bounded by
    // those numbers, and all divisors are positive sizes.
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}

fn tensor_layout(device: &wgpu::Device, kernel: &Kernel) -> wgpu::BindGroupLayout {
    let entry = |(binding, access): (u32, &Access)| layout_entry(binding, binding_type(*access));
    let entries: Vec<_> = (0..).zip(kernel.bindings).map(entry).collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(kernel.name),
        entries: &entries,
    })
}

fn params_layout(device: &wgpu::Device, kernel: &Kernel) -> wgpu::BindGroupLayout {
    let ty = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: true,
        min_binding_size: wgpu::BufferSize::new(kernel.uniform_size() as u64),
    };
    let entries = [layout_entry(0, ty)];
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("params"),
        entries: &entries,
    })
}

fn binding_type(access: Access) -> wgpu::BindingType {
    use wgpu::StorageTextureAccess::{ReadOnly, WriteOnly};
    use wgpu::TextureFormat::{Rgba32Float, Rgba32Uint};
    let buffer = |read_only| wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    let texture = |access, format| wgpu::BindingType::StorageTexture {
        access,
        format,
        view_dimension: wgpu::TextureViewDimension::D2,
    };
    match access {
        Access::Read => buffer(true),
        Access::ReadWrite => buffer(false),
        Access::Load => texture(ReadOnly, Rgba32Float),
        Access::LoadBits => texture(ReadOnly, Rgba32Uint),
        Access::Store => texture(WriteOnly, Rgba32Float),
    }
}

fn layout_entry(binding: u32, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty,
        count: None,
    }
}
