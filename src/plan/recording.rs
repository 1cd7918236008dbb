//! One run on its way into command encoders: its inputs, then its steps, as many at a time as a submit should hold.

use std::ops::Range;
use std::time::Duration;

use super::activations::Activations;
use super::pool::Lease;
use super::uploads::Uploads;
use super::{Plan, Value, inputs};
use crate::error::{Error, Result};
use crate::kernel::Dispatch;
use crate::tensor::Sizes;

/// One step of a run.
pub(super) struct Launch {
    /// Which variant of the step's offer.
    place: usize,
    pub(super) dispatch: Dispatch,
    /// How much work it is, as [`crate::graph::Operation::work`] counts it.
    work: f64,
}

/// A run that was checked, with everything that it needs on the device.
pub(super) struct Recording {
    pub(super) sizes: Sizes,
    lease: Lease,
    launches: Vec<Launch>,
    uploads: Uploads,
    /// The step that is recorded next.
    next: usize,
}

impl Recording {
    /// Waits for memory that no other run uses, once the inputs are checked.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub(super) async fn new(plan: &Plan, sizes: &Sizes, values: &[Value<'_>]) -> Result<Self> {
        inputs::check(&plan.graph, sizes, Some(&plan.capacity), values)?;
        Self::with(plan.pool.lease().await, plan, sizes, values)
    }

    /// As [`Recording::new`], but it does not wait.
    ///
    /// # Errors
    /// As [`Plan::begin`].
    pub(super) fn at_once(plan: &Plan, sizes: &Sizes, values: &[Value<'_>]) -> Result<Self> {
        inputs::check(&plan.graph, sizes, Some(&plan.capacity), values)?;
        let Some(lease) = plan.pool.lease_now() else {
            let runs = plan.pool.made() as u64;
            return Err(Error::Limit {
                thing: "what is under way".to_owned(),
                needed: runs + 1,
                allowed: runs,
                unit: "runs within the memory budget",
                advice: "submit and drop those that are begun before another one, or raise the budget",
            });
        };
        Self::with(lease, plan, sizes, values)
    }

    fn with(mut lease: Lease, plan: &Plan, sizes: &Sizes, values: &[Value<'_>]) -> Result<Self> {
        let activations = match lease.activations.take() {
            Some(activations) => activations,
            None => Activations::allocate(plan)?,
        };
        let launches = plan.launches(sizes);
        let uploads = Uploads::new(plan, &activations, sizes, values, &launches);
        lease.activations = Some(activations);
        Ok(Self {
            sizes: *sizes,
            uploads: uploads?,
            lease,
            launches,
            next: 0,
        })
    }

    pub(super) fn activations(&self) -> &Activations {
        let activations = self.lease.activations.as_ref();
        activations.expect("allocated when it began")
    }

    pub(super) fn activations_mut(&mut self) -> &mut Activations {
        let activations = self.lease.activations.as_mut();
        activations.expect("allocated when it began")
    }

    /// Its memory, which is the next run's once this is dropped; it must not be before the device is through with it.
    pub(super) fn into_lease(mut self) -> Lease {
        self.lease.is_in_use = false;
        self.lease
    }

    pub(super) fn is_done(&self) -> bool {
        self.next == self.launches.len()
    }

    /// How many steps are recorded.
    pub(super) fn recorded(&self) -> usize {
        self.next
    }

    /// The work of the steps that are not recorded yet.
    pub(super) fn work_left(&self) -> f64 {
        let left = self.launches[self.next..].iter();
        left.map(|launch| launch.work).sum()
    }

    /// Records the inputs before all else, then as many steps as `budget` is enough for, at least one; says how much
    /// work they are.
    pub(super) fn record(
        &mut self,
        plan: &Plan,
        encoder: &mut wgpu::CommandEncoder,
        budget: Duration,
    ) -> f64 {
        self.lease.is_in_use = true;
        if self.next == 0 {
            self.uploads.record(encoder, self.activations());
        }
        let most = budget.as_secs_f64() * plan.speed.per_second();
        let (first, mut work) = (self.next, 0.0);
        while let Some(launch) = self.launches.get(self.next) {
            if self.next > first && work + launch.work > most {
                break;
            }
            work += launch.work;
            self.next += 1;
        }
        let steps = first..self.next;
        plan.record(encoder, self.activations(), &self.launches, steps);
        work
    }

    /// Records all steps once more, on the same inputs.
    #[cfg(not(target_arch = "wasm32"))] // as `Plan::time`
    pub(super) fn repeat(&self, plan: &Plan, encoder: &mut wgpu::CommandEncoder) {
        let steps = 0..self.launches.len();
        plan.record(encoder, self.activations(), &self.launches, steps);
    }

    /// Copies the result to where the host can read it.
    pub(super) fn record_readback(&self, plan: &Plan, encoder: &mut wgpu::CommandEncoder) {
        if let Some(output) = plan.graph.output() {
            let slot = self.activations().slot(plan, output);
            let readback = plan.readback(output, &self.sizes);
            readback.record(encoder, slot, &self.activations().staging);
        }
    }

    /// The result, once `submission` has copied it; nothing if there is none.
    pub(super) async fn read(
        &self,
        plan: &Plan,
        submission: wgpu::SubmissionIndex,
    ) -> Result<Vec<f32>> {
        let Some(output) = plan.graph.output() else {
            return Ok(Vec::new());
        };
        let readback = plan.readback(output, &self.sizes);
        let staging = &self.activations().staging;
        let bytes = plan.gpu.read(staging, readback.bytes(), submission).await?;
        Ok(readback.to_tensor(readback.values(&bytes)))
    }
}

impl Plan {
    /// What each step dispatches in a run of `sizes`.
    pub(super) fn launches(&self, sizes: &Sizes) -> Vec<Launch> {
        let steps = self.graph.nodes().iter().zip(&self.steps);
        steps
            .map(|(node, step)| Launch {
                place: step.offer.place(sizes),
                dispatch: (step.at(sizes).dispatch)(sizes),
                work: self.graph.work(node, sizes),
            })
            .collect()
    }

    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        let descriptor = wgpu::CommandEncoderDescriptor {
            label: Some("wgformer"),
        };
        self.gpu.device().create_command_encoder(&descriptor)
    }

    /// Records these steps into one compute pass.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        activations: &Activations,
        launches: &[Launch],
        steps: Range<usize>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let limits = &self.gpu.capabilities().limits;
        for index in steps {
            let bound = &activations.steps[index];
            let offset = index as u32 * activations.params_stride as u32;
            let launch = &launches[index];
            let pipeline = &self.steps[index].pipelines[launch.place];
            pass.set_pipeline(&pipeline.pipeline);
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
