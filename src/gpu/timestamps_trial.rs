//! Whether a device's timestamps are right: some drivers' are not.

#![cfg(not(target_arch = "wasm32"))] // a browser must not be waited for

use super::pass::PassTimes;
use super::{Gpu, TEXEL_BYTES, Timestamps, extent};
use crate::error::Result;

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
    /// Whether a pass that takes long does by the device's timestamps too.
    ///
    /// # Errors
    /// As [`Timestamps::new`], and those of running a pass.
    pub(super) fn try_timestamps(&self) -> Result<bool> {
        let mut timestamps = self.in_turn(Timestamps::new(self)?);
        let (store, spin) =
            self.checked("trying timestamps", || (self.storing(), self.spinning()))?;
        self.run_alone(&store, None)?;
        for _ in 0..TRIES {
            let times = self.run_alone(&spin, Some(&mut timestamps))?;
            // Now and then those of a driver that writes both at the end are right.
            let right = times.by_the_host / 2..=times.by_the_host;
            if !times.by_the_device.is_some_and(|it| right.contains(&it)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One workgroup.
    fn run_alone(
        &self,
        (pipeline, group): &(wgpu::ComputePipeline, wgpu::BindGroup),
        timestamps: Option<&mut Timestamps>,
    ) -> Result<PassTimes> {
        self.run_pass("trying timestamps", timestamps, |pass| {
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
