//! One run: check, upload the inputs, record every step into one compute pass, submit once, read the result back.

use std::sync::PoisonError;

use super::activations::Activations;
use super::{Plan, Value, inputs};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
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
        let result_bytes = self.result_bytes(sizes);
        let result = self.run_with(&activations, sizes, values, result_bytes).await?;
        // Only now: what an error or a dropped future leaves behind may still be in use by the device.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(activations);
        Ok(result)
    }

    fn take_activations(&self) -> Result<Activations> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Activations::allocate(self), Ok)
    }

    /// As [`Plan::run`], but every slot holds NaN before, and the output's whole slot comes back: what lies beyond the
    /// result must still be NaN, or a kernel wrote where it should not.
    pub(crate) fn run_poisoned(&self, sizes: &Sizes, values: &[Value<'_>]) -> Result<Vec<f32>> {
        inputs::check(&self.graph, sizes, Some(&self.capacity), values)?;
        let activations = Activations::allocate(self)?;
        for (slot, elements) in activations.slots.iter().zip(&self.slots.sizes) {
            self.gpu.queue().write_buffer(slot, 0, bytemuck::cast_slice(&vec![f32::NAN; *elements]));
        }
        pollster::block_on(self.run_with(&activations, sizes, values, self.result_bytes(&self.capacity)))
    }

    fn result_bytes(&self, sizes: &Sizes) -> u64 {
        4 * self.graph.output().map_or(0, |output| self.graph.tensor(output).shape.elements(sizes)) as u64
    }

    async fn run_with(
        &self,
        activations: &Activations,
        sizes: &Sizes,
        values: &[Value<'_>],
        result_bytes: u64,
    ) -> Result<Vec<f32>> {
        let dispatches: Vec<Dispatch> = self.steps.iter().map(|step| (step.variant.dispatch)(sizes)).collect();
        let submission = self.gpu.checked("running the plan", || {
            self.upload(activations, values, &dispatches);
            let encoder = self.record(activations, &dispatches, result_bytes);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        let bytes = self.gpu.read(&activations.staging, result_bytes, submission).await?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    fn upload(&self, activations: &Activations, values: &[Value<'_>], dispatches: &[Dispatch]) {
        let queue = self.gpu.queue();
        for (buffer, value) in activations.inputs.iter().zip(values) {
            queue.write_buffer(buffer, 0, value.bytes());
        }
        let stride = activations.params_stride as usize;
        let mut params = vec![0; stride * dispatches.len()];
        for (place, dispatch) in params.chunks_exact_mut(stride).zip(dispatches) {
            place[..dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        queue.write_buffer(&activations.params, 0, &params);
    }

    fn record(&self, activations: &Activations, dispatches: &[Dispatch], result_bytes: u64) -> wgpu::CommandEncoder {
        let device = self.gpu.device();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("wgformer") });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let most = self.gpu.capabilities().limits.max_compute_workgroups_per_dimension;
        let mut offset = 0;
        for ((step, bound), dispatch) in self.steps.iter().zip(&activations.steps).zip(dispatches) {
            pass.set_pipeline(&step.pipeline.pipeline);
            pass.set_bind_group(0, &bound.storage, &[]);
            pass.set_bind_group(1, &bound.params, &[offset]);
            let [x, y] = fold(dispatch.workgroups, most);
            pass.dispatch_workgroups(x, y, 1);
            offset += activations.params_stride as u32;
        }
        drop(pass);
        if let Some(slot) = self.graph.output().and_then(|output| self.slots.of_tensor.get(&output)) {
            encoder.copy_buffer_to_buffer(&activations.slots[*slot], 0, &activations.staging, 0, result_bytes);
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
        for (workgroups, expected) in [(0, [0, 1]), (1, [1, 1]), (65_535, [65_535, 1]), (65_536, [32_768, 2])] {
            assert_eq!(fold(workgroups, 65_535), expected);
        }
        let [x, y] = fold(1_000_003, 65_535);
        assert!((1_000_003..1_000_003 + u64::from(x)).contains(&(u64::from(x) * u64::from(y))));
    }
}
