//! One run: check, upload the inputs, record every step into one compute pass, submit once, read the result back.

use std::ops::Range;
use std::sync::{MutexGuard, PoisonError};

use super::activations::Activations;
use super::readback::Readback;
use super::texels::Texels;
use super::{Plan, Value, inputs};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::gpu::{Pipeline, Resource, TEXEL_BYTES};
use crate::kernel::Dispatch;
use crate::tensor::Sizes;

impl Plan {
    /// Runs the graph and waits for its output: f32, row-major, in the output's shape for `sizes`.
    ///
    /// `values`: the graph's inputs, in order.
    ///
    /// # Errors
    /// [`Error::Input`] if the inputs do not fit the graph or its capacity; [`Error::Limit`] if there is no room for
    /// its activations; [`Error::DeviceLost`] or [`Error::Device`] if the driver fails.
    pub fn run(&self, sizes: &Sizes, values: &[Value<'_>]) -> Result<Vec<f32>> {
        pollster::block_on(self.run_async(sizes, values))
    }

    /// [`Plan::run`], without blocking the thread. Dropping the future leaves the plan usable.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn run_async(&self, sizes: &Sizes, values: &[Value<'_>]) -> Result<Vec<f32>> {
        inputs::check(&self.graph, sizes, Some(&self.capacity), values)?;
        let activations = self.take_activations()?;
        let result = self.run_with(&activations, sizes, values).await?;
        // Only now: what an error or a dropped future leaves behind may still be in use by the device.
        self.keep_activations(activations);
        Ok(result)
    }

    /// Those of an earlier run, or new ones.
    pub(super) fn take_activations(&self) -> Result<Activations> {
        let idle = self.idle().pop();
        idle.map_or_else(|| Activations::allocate(self), Ok)
    }

    /// For the next run: the device must be done with them.
    pub(super) fn keep_activations(&self, activations: Activations) {
        self.idle().push(activations);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Activations>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the steps and reads the output back.
    async fn run_with(
        &self,
        activations: &Activations,
        sizes: &Sizes,
        values: &[Value<'_>],
    ) -> Result<Vec<f32>> {
        let launches = self.launches(sizes);
        let output = self.graph.output();
        let readback = output.map(|output| Readback::of(self, output, sizes));
        let submission = self.gpu.checked("running the plan", || {
            self.upload(activations, sizes, values, &launches);
            let mut encoder = self.encoder();
            self.record(&mut encoder, activations, &launches, 0..self.steps.len());
            if let (Some(readback), Some(output)) = (&readback, output) {
                let slot = activations.slot(self, output);
                readback.record(&mut encoder, slot, &activations.staging);
            }
            self.gpu.queue().submit([encoder.finish()])
        })?;
        let Some(readback) = readback else {
            return Ok(Vec::new());
        };
        let bytes = self
            .gpu
            .read(&activations.staging, readback.bytes(), submission)
            .await?;
        Ok(readback.to_tensor(readback.values(&bytes)))
    }

    /// Every step's pipeline, grid and `Params`.
    pub(super) fn launches(&self, sizes: &Sizes) -> Vec<Launch<'_>> {
        let at_size = self.steps.iter().map(|step| step.at(sizes));
        at_size
            .map(|(variant, pipeline)| Launch {
                pipeline,
                dispatch: (variant.dispatch)(sizes),
            })
            .collect()
    }

    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        let descriptor = wgpu::CommandEncoderDescriptor {
            label: Some("wgformer"),
        };
        self.gpu.device().create_command_encoder(&descriptor)
    }

    /// Writes the inputs and every step's `Params`.
    pub(super) fn upload(
        &self,
        activations: &Activations,
        sizes: &Sizes,
        values: &[Value<'_>],
        launches: &[Launch<'_>],
    ) {
        for ((resource, input), value) in activations
            .inputs
            .iter()
            .zip(self.graph.inputs())
            .zip(values)
        {
            let texels = Texels::of(&self.graph.tensor(*input).shape, sizes);
            match (resource, value) {
                (Resource::Texture(..), Value::F32(values)) => {
                    self.write(
                        resource,
                        texels.width(),
                        bytemuck::cast_slice(&texels.to_texture(values)),
                    );
                }
                _ => self.write(resource, texels.width(), value.bytes()),
            }
        }
        let stride = activations.params_stride as usize;
        let mut params = vec![0; stride * launches.len()];
        for (chunk, launch) in params.chunks_exact_mut(stride).zip(launches) {
            let bytes = &launch.dispatch.params;
            chunk[..bytes.len()].copy_from_slice(bytes);
        }
        self.gpu
            .queue()
            .write_buffer(&activations.params, 0, &params);
    }

    /// Fills a buffer, or the first rows of a texture, of `width` elements each.
    pub(super) fn write(&self, resource: &Resource, width: usize, bytes: &[u8]) {
        match resource {
            Resource::Buffer(buffer) => self.gpu.queue().write_buffer(buffer, 0, bytes),
            Resource::Texture(texture, _) => {
                self.gpu
                    .write_texture(texture, 4 * width / TEXEL_BYTES as usize, bytes)
            }
        }
    }

    /// Records these steps into one compute pass.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        activations: &Activations,
        launches: &[Launch<'_>],
        steps: Range<usize>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let limits = &self.gpu.capabilities().limits;
        for index in steps {
            let bound = &activations.steps[index];
            let offset = index as u32 * activations.params_stride as u32;
            let launch = &launches[index];
            pass.set_pipeline(&launch.pipeline.pipeline);
            pass.set_bind_group(0, &bound.tensors, &[]);
            pass.set_bind_group(1, &bound.params, &[offset]);
            let [x, y] = fold(
                launch.dispatch.workgroups,
                limits.max_compute_workgroups_per_dimension,
            );
            pass.dispatch_workgroups(x, y, 1);
        }
    }
}

/// One step of a run.
pub(super) struct Launch<'a> {
    pipeline: &'a Pipeline,
    dispatch: Dispatch,
}

/// A grid of at least `workgroups`, at most `most` wide: kernels count `x + y * width` and let the rest idle.
fn fold(workgroups: usize, most: u32) -> [u32; 2] {
    let rows = workgroups.div_ceil(most as usize).max(1);
    [workgroups.div_ceil(rows) as u32, rows as u32]
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn a_folded_grid_covers_every_workgroup_and_wastes_less_than_a_row() {
        for (workgroups, expected) in [
            (0, [0, 1]),
            (1, [1, 1]),
            (65_535, [65_535, 1]),
            (65_536, [32_768, 2]),
        ] {
            assert_eq!(fold(workgroups, 65_535), expected);
        }
        let [x, y] = fold(1_000_003, 65_535);
        assert!((1_000_003..1_000_003 + u64::from(x)).contains(&(u64::from(x) * u64::from(y))));
    }
}
