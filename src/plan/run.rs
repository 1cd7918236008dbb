//! One run: check, upload the inputs, record every step into one compute pass, submit once, read the result back.

use std::sync::PoisonError;

use super::activations::Activations;
use super::readback::Readback;
use super::texels::Texels;
use super::{Plan, Value, inputs};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::gpu::{Resource, TEXEL_BYTES};
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
        let readback = Readback::of(self, sizes);
        let values = self
            .run_with(&activations, sizes, values, readback.as_ref())
            .await?;
        // Only now: what an error or a dropped future leaves behind may still be in use by the device.
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(activations);
        Ok(readback.map_or_else(Vec::new, |readback| readback.to_tensor(values)))
    }

    /// As [`Plan::run`], but every slot holds NaN before, and what lies beyond the result in its slot comes back too:
    /// it must still be NaN, or a kernel wrote where it should not.
    pub(crate) fn run_poisoned(
        &self,
        sizes: &Sizes,
        values: &[Value<'_>],
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        inputs::check(&self.graph, sizes, Some(&self.capacity), values)?;
        let activations = Activations::allocate(self)?;
        self.gpu.checked("filling slots with NaN", || {
            for (resource, slot) in activations.slots.iter().zip(&self.slots.slots) {
                self.write(
                    resource,
                    slot.extent[0],
                    bytemuck::cast_slice(&vec![f32::NAN; slot.elements()]),
                );
            }
        })?;
        let whole = Readback::of(self, &self.capacity);
        let mut values =
            pollster::block_on(self.run_with(&activations, sizes, values, whole.as_ref()))?;
        let Some(readback) = Readback::of(self, sizes) else {
            return Ok(Default::default());
        };
        let guard = values.split_off(readback.elements());
        Ok((readback.to_tensor(values), guard))
    }

    fn take_activations(&self) -> Result<Activations> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.map_or_else(|| Activations::allocate(self), Ok)
    }

    /// Runs the steps and reads the output back, in the order of its slot.
    async fn run_with(
        &self,
        activations: &Activations,
        sizes: &Sizes,
        values: &[Value<'_>],
        readback: Option<&Readback>,
    ) -> Result<Vec<f32>> {
        let dispatches: Vec<Dispatch> = self
            .steps
            .iter()
            .map(|step| (step.variant.dispatch)(sizes))
            .collect();
        let submission = self.gpu.checked("running the plan", || {
            self.upload(activations, sizes, values, &dispatches);
            let encoder = self.record(activations, &dispatches, readback);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        let Some(readback) = readback else {
            return Ok(Vec::new());
        };
        let bytes = self
            .gpu
            .read(&activations.staging, readback.bytes(), submission)
            .await?;
        Ok(readback.values(&bytes))
    }

    fn upload(
        &self,
        activations: &Activations,
        sizes: &Sizes,
        values: &[Value<'_>],
        dispatches: &[Dispatch],
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
        let mut params = vec![0; stride * dispatches.len()];
        for (place, dispatch) in params.chunks_exact_mut(stride).zip(dispatches) {
            place[..dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        self.gpu
            .queue()
            .write_buffer(&activations.params, 0, &params);
    }

    /// Fills a buffer, or the first rows of a texture, of `width` elements each.
    fn write(&self, resource: &Resource, width: usize, bytes: &[u8]) {
        match resource {
            Resource::Buffer(buffer) => self.gpu.queue().write_buffer(buffer, 0, bytes),
            Resource::Texture(texture, _) => {
                self.gpu
                    .write_texture(texture, 4 * width / TEXEL_BYTES as usize, bytes)
            }
        }
    }

    fn record(
        &self,
        activations: &Activations,
        dispatches: &[Dispatch],
        readback: Option<&Readback>,
    ) -> wgpu::CommandEncoder {
        let device = self.gpu.device();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
            label: Some("wgformer"),
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let most = self
            .gpu
            .capabilities()
            .limits
            .max_compute_workgroups_per_dimension;
        let mut offset = 0;
        for ((step, bound), dispatch) in self.steps.iter().zip(&activations.steps).zip(dispatches) {
            pass.set_pipeline(&step.pipeline.pipeline);
            pass.set_bind_group(0, &bound.tensors, &[]);
            pass.set_bind_group(1, &bound.params, &[offset]);
            let [x, y] = fold(dispatch.workgroups, most);
            pass.dispatch_workgroups(x, y, 1);
            offset += activations.params_stride as u32;
        }
        drop(pass);
        if let (Some(readback), Some(output)) = (readback, self.graph.output()) {
            let slot = &activations.slots[self.slots.of_tensor[&output]];
            readback.record(&mut encoder, slot, &activations.staging);
        }
        encoder
    }
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
