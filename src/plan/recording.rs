//! One run on its way into command encoders: its inputs, then its steps, as many at a time as a submit should hold.

use std::ops::Range;
use std::time::Duration;

use futures_channel::oneshot;

use super::activations::Activations;
use super::pool::Lease;
use super::uploads::Uploads;
use super::{Plan, Step, Value, inputs};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, InTurn};
use crate::graph::Node;
use crate::kernel::{Dispatch, Variant};
use crate::tensor::Sizes;

/// One step of a run.
pub(super) struct Launch {
    /// Which variant of the step's offer.
    place: usize,
    pub(super) dispatch: Dispatch,
    /// How much work it is, as [`crate::graph::Operation::work`] counts it.
    work: f64,
}

impl Launch {
    /// The work of so many of its workgroups, as if each had the same.
    fn work_of(&self, workgroups: usize) -> f64 {
        self.work * workgroups as f64 / self.dispatch.workgroups.max(1) as f64
    }

    /// How many workgroups have so much work, at least one.
    fn workgroups_for(&self, work: f64) -> usize {
        let share = (work / self.work).min(1.0);
        ((share * self.dispatch.workgroups as f64) as usize).max(1)
    }
}

/// A run that was checked, with everything that it needs on the device.
pub(super) struct Recording {
    pub(super) sizes: Sizes,
    /// Its memory; taken by who keeps it until the device is through.
    lease: Option<Lease>,
    gpu: Gpu,
    /// Whether the device may still work on what the engine submitted of it.
    is_submitted: bool,
    launches: Vec<Launch>,
    uploads: InTurn<Uploads>,
    /// What the next piece brings.
    brings: Brings,
    /// Whether a step was split, and its `Params` say so.
    is_split: bool,
    /// The step that is recorded next.
    next: usize,
    /// Where in it.
    next_workgroup: usize,
}

/// Some of a run, for one submit.
pub(super) struct Piece {
    brings: Brings,
    /// Where its first part starts, if that is not at the start of a step.
    first_workgroup: Option<InTurn<wgpu::Buffer>>,
    parts: Vec<Part>,
    /// How much work it is.
    pub(super) work: f64,
}

/// What is copied to the device before the parts of a piece.
#[derive(Clone, Copy, Default)]
enum Brings {
    /// All of it: for the first run.
    Inputs,
    /// Where steps start, for another run on the same inputs.
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "as `Plan::time`"))]
    Params,
    #[default]
    Nothing,
}

/// A step, or some of its workgroups.
pub(super) struct Part {
    pub(super) step: usize,
    workgroups: Range<usize>,
}

impl Piece {
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// A step that takes no longer is not split, however small the budget.
const LEAST_PART: Duration = Duration::from_millis(1);

impl Recording {
    /// Waits for memory that no other run uses, once the inputs are checked.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub(super) async fn new(plan: &Plan, sizes: &Sizes, values: &[Value<'_>]) -> Result<Self> {
        inputs::check(&plan.graph, sizes, Some(&plan.capacity), values)?;
        let lease = match plan.pool.lease_in_turn() {
            Ok(lease) => lease,
            Err(later) => plan.wait_for_turn(later).await?,
        };
        let mut recording = Self::with(lease, plan, sizes, values)?;
        let staging = &mut recording.activations_mut().staging;
        staging.give_back(&plan.gpu).await?; // what the run before it may have given up
        Ok(recording)
    }

    /// As [`Recording::new`], but it does not wait.
    ///
    /// # Errors
    /// As [`Plan::begin`].
    pub(super) fn at_once(plan: &Plan, sizes: &Sizes, values: &[Value<'_>]) -> Result<Self> {
        inputs::check(&plan.graph, sizes, Some(&plan.capacity), values)?;
        let lease = plan.pool.lease_now();
        Self::with(lease.ok_or_else(|| plan.no_room())?, plan, sizes, values)
    }

    fn with(mut lease: Lease, plan: &Plan, sizes: &Sizes, values: &[Value<'_>]) -> Result<Self> {
        let launches = plan.launches(sizes)?;
        let activations = match lease.activations.take() {
            Some(activations) => activations,
            None => plan.gpu.in_turn(Activations::allocate(plan)?),
        };
        let uploads = Uploads::new(plan, &activations, sizes, values, &launches);
        lease.activations = Some(activations);
        Ok(Self {
            sizes: *sizes,
            uploads: plan.gpu.in_turn(uploads?),
            lease: Some(lease),
            gpu: plan.gpu.clone(),
            is_submitted: false,
            launches,
            brings: Brings::Inputs,
            is_split: false,
            next: 0,
            next_workgroup: 0,
        })
    }

    pub(super) fn activations(&self) -> &Activations {
        let lease = self.lease.as_ref().expect("taken at the end");
        let activations = lease.activations.as_ref();
        activations.expect("allocated when it began")
    }

    pub(super) fn activations_mut(&mut self) -> &mut Activations {
        let lease = self.lease.as_mut().expect("taken at the end");
        let activations = lease.activations.as_mut();
        activations.expect("allocated when it began")
    }

    /// The engine has submitted what was recorded.
    pub(super) fn submitted(&mut self) {
        self.is_submitted = true;
    }

    /// The device is through with all that was submitted.
    pub(super) fn is_through(&mut self) {
        self.is_submitted = false;
    }

    /// Its memory, for who keeps it until the device is through.
    pub(super) fn take_lease(&mut self) -> Option<Lease> {
        self.lease.take()
    }

    pub(super) fn is_done(&self) -> bool {
        self.next == self.launches.len()
    }

    /// How many steps are recorded.
    pub(super) fn recorded(&self) -> usize {
        self.next
    }

    /// The work that is not recorded yet.
    pub(super) fn work_left(&self) -> f64 {
        let left = self.launches[self.next..].iter();
        let all: f64 = left.map(|launch| launch.work).sum();
        let begun = self.launches.get(self.next);
        all - begun.map_or(0.0, |launch| launch.work_of(self.next_workgroup))
    }

    /// What `budget` is enough for: as many steps as fit, at most `most_parts`, or a part of the next one, where that
    /// alone takes longer.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] or [`Error::DeviceLost`].
    pub(super) fn next_piece(
        &mut self,
        plan: &Plan,
        budget: Duration,
        most_parts: usize,
    ) -> Result<Piece> {
        let most = plan.speed.work(budget);
        let mut piece = Piece {
            first_workgroup: self.first_workgroup(plan)?,
            brings: std::mem::take(&mut self.brings),
            parts: Vec::new(),
            work: 0.0,
        };
        while let Some(launch) = self.launches.get(self.next) {
            if piece.parts.len() == most_parts {
                break;
            }
            let first = self.next_workgroup;
            let all = launch.dispatch.workgroups;
            let left = launch.work - launch.work_of(first);
            let fits = piece.work + left <= most;
            if !fits && !piece.parts.is_empty() {
                break;
            }
            let end = if fits {
                all
            } else {
                let least = plan.speed.work(LEAST_PART);
                all.min(first + launch.workgroups_for(most.max(least)))
            };
            piece.work += launch.work_of(end) - launch.work_of(first);
            piece.parts.push(Part {
                step: self.next,
                workgroups: first..end,
            });
            if end < all {
                self.is_split = true;
                self.next_workgroup = end;
                break;
            }
            (self.next, self.next_workgroup) = (self.next + 1, 0);
        }
        Ok(piece)
    }

    /// The first of the next step's workgroups, and the rest.
    ///
    /// # Errors
    /// As [`Recording::next_piece`].
    pub(super) fn first_and_rest(&mut self, plan: &Plan) -> Result<Vec<Piece>> {
        let (step, all) = (self.next, self.launches[self.next].dispatch.workgroups);
        let piece = |recording: &mut Self, workgroups: Range<usize>| {
            recording.next_workgroup = workgroups.start;
            Ok(Piece {
                first_workgroup: recording.first_workgroup(plan)?,
                brings: std::mem::take(&mut recording.brings),
                parts: vec![Part { step, workgroups }],
                work: 0.0,
            })
        };
        let pieces = match all {
            0 | 1 => vec![piece(self, 0..all)?],
            _ => vec![piece(self, 0..1)?, piece(self, 1..all)?],
        };
        (self.next, self.next_workgroup) = (step + 1, 0);
        Ok(pieces)
    }

    /// What says where the next step goes on, if it is begun.
    fn first_workgroup(&self, plan: &Plan) -> Result<Option<InTurn<wgpu::Buffer>>> {
        if self.next_workgroup == 0 {
            return Ok(None);
        }
        let bytes = (self.next_workgroup as u32).to_ne_bytes();
        let first = plan.gpu.upload_for_copies("first workgroup", &bytes)?;
        Ok(Some(plan.gpu.in_turn(first)))
    }

    /// Records a piece, and before the first the inputs.
    pub(super) fn record(&self, plan: &Plan, encoder: &mut wgpu::CommandEncoder, piece: &Piece) {
        self.record_timed(plan, encoder, piece, None);
    }

    /// As [`Recording::record`], in a pass that writes when it begins and ends.
    pub(super) fn record_timed(
        &self,
        plan: &Plan,
        encoder: &mut wgpu::CommandEncoder,
        piece: &Piece,
        timestamps: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        self.record_inputs(encoder, piece);
        plan.record(
            encoder,
            self.activations(),
            &self.launches,
            &piece.parts,
            timestamps,
        );
    }

    /// Records what a piece brings, before its parts.
    pub(super) fn record_inputs(&self, encoder: &mut wgpu::CommandEncoder, piece: &Piece) {
        let activations = self.activations();
        match piece.brings {
            Brings::Inputs => self.uploads.record(encoder, activations),
            Brings::Params => self.uploads.record_params(encoder, activations),
            Brings::Nothing => {}
        }
        if let (Some(first), Some(part)) = (&piece.first_workgroup, piece.parts.first()) {
            let (into, offset) = (&activations.params, activations.params_offset(part.step));
            encoder.copy_buffer_to_buffer(first, 0, into, offset, size_of::<u32>() as u64);
        }
    }

    /// Records one of a piece's parts in a pass of its own, which writes when it begins and ends.
    pub(super) fn record_part(
        &self,
        plan: &Plan,
        encoder: &mut wgpu::CommandEncoder,
        part: &Part,
        timestamps: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let parts = std::slice::from_ref(part);
        plan.record(
            encoder,
            self.activations(),
            &self.launches,
            parts,
            timestamps,
        );
    }

    /// What runs a part, and which share of its step's workgroups that is.
    pub(super) fn variant<'a>(&self, plan: &'a Plan, part: &Part) -> (&'a Variant, f64) {
        let all = self.launches[part.step].dispatch.workgroups.max(1) as f64;
        let variant = plan.steps[part.step].at(&self.sizes);
        (variant, part.workgroups.len() as f64 / all)
    }

    /// Begins once more, on the same inputs.
    #[cfg(not(target_arch = "wasm32"))] // as `Plan::time`
    pub(super) fn restart(&mut self) {
        (self.next, self.next_workgroup) = (0, 0);
        if self.is_split {
            self.brings = Brings::Params;
        }
    }

    /// Copies the result to where the host can read it.
    pub(super) fn record_readback(&self, plan: &Plan, encoder: &mut wgpu::CommandEncoder) {
        if let Some(output) = plan.graph.output() {
            let slot = self.activations().slot(plan, output);
            let readback = plan.readback(output, &self.sizes);
            readback.record(encoder, slot, self.activations().staging.buffer());
        }
    }

    /// The result, once what is submitted has copied it; nothing if there is none.
    pub(super) async fn read(&mut self, plan: &Plan) -> Result<Vec<f32>> {
        let Some(output) = plan.graph.output() else {
            return Ok(Vec::new());
        };
        let readback = plan.readback(output, &self.sizes);
        let staging = &mut self.activations_mut().staging;
        let bytes = staging.read(&plan.gpu, readback.bytes()).await?;
        Ok(readback.to_tensor(readback.values(&bytes)))
    }
}

impl Drop for Recording {
    /// A run that was given up, or failed, keeps its memory until the device is through with what was submitted of it.
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        if !self.is_submitted {
            return;
        }
        #[cfg(not(target_arch = "wasm32"))]
        self.gpu.keep_until_done(lease);
        #[cfg(target_arch = "wasm32")]
        drop(lease.left_to_the_browser());
    }
}

impl Plan {
    /// A set of activations, where all are in use. The engine's own runs end by themselves; what an application has may
    /// become free when the device is polled, which it need not be otherwise.
    ///
    /// # Errors
    /// [`Error::Limit`] if an application has all that there is room for, and the device is through with none.
    async fn wait_for_turn(&self, mut lease: oneshot::Receiver<Lease>) -> Result<Lease> {
        if !self.pool.has_runs() {
            self.gpu.done().await?;
        }
        match lease.try_recv() {
            Ok(Some(lease)) => Ok(lease),
            _ if self.pool.has_runs() => lease.await.map_err(|_| self.no_room()),
            _ => Err(self.no_room()),
        }
    }

    /// For one more run within the budget.
    fn no_room(&self) -> Error {
        let runs = self.pool.made() as u64;
        Error::Limit {
            thing: "what is under way".to_owned(),
            needed: runs + 1,
            allowed: runs,
            unit: "runs within the memory budget",
            advice: "submit and drop those that are begun before another one, or raise the budget",
        }
    }

    /// What each step dispatches in a run of `sizes`.
    ///
    /// # Errors
    /// [`Error::Limit`] for more workgroups than a kernel can count: as many sequences as there may be, of which one is as
    /// long as one may be.
    fn launches(&self, sizes: &Sizes) -> Result<Vec<Launch>> {
        let limits = &self.gpu.capabilities().limits;
        let most = most_workgroups(limits.max_compute_workgroups_per_dimension);
        let launch = |(node, step): (&Node, &Step)| {
            let dispatch = (step.at(sizes).dispatch)(sizes);
            if dispatch.workgroups as u64 > most {
                return Err(Error::Limit {
                    thing: format!("{} of {sizes:?}", node.operation.name()),
                    needed: dispatch.workgroups as u64,
                    allowed: most,
                    unit: "workgroups",
                    advice: "run fewer sequences at once, or shorter ones",
                });
            }
            Ok(Launch {
                place: step.offer.place(sizes),
                dispatch,
                work: self.graph.work(node, sizes),
            })
        };
        let steps = self.graph.nodes().iter().zip(&self.steps);
        steps.map(launch).collect()
    }

    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        let descriptor = wgpu::CommandEncoderDescriptor {
            label: Some("wgformer"),
        };
        self.gpu.device().create_command_encoder(&descriptor)
    }

    /// Records these into one compute pass.
    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        activations: &Activations,
        launches: &[Launch],
        parts: &[Part],
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes,
        });
        let limits = &self.gpu.capabilities().limits;
        for Part { step, workgroups } in parts {
            let bound = &activations.steps[*step];
            let pipeline = &self.steps[*step].pipelines[launches[*step].place];
            let offset = activations.params_offset(*step) as u32;
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &bound.tensors, &[]);
            pass.set_bind_group(1, &bound.params, &[offset]);
            let [x, y] = fold(
                workgroups.len(),
                limits.max_compute_workgroups_per_dimension,
            );
            pass.dispatch_workgroups(x, y, 1);
        }
    }
}

/// As many as a folded grid has, whose numbers are a `u32`, those of its last row that idle too.
fn most_workgroups(of_dimension: u32) -> u64 {
    let of_dimension = u64::from(of_dimension);
    of_dimension.pow(2).min(u32::MAX.into()) - of_dimension
}

/// A grid of at least `workgroups`, at most `most` wide: kernels count `x + y * width` and let those idle that are beyond
/// their last; those beyond a part do what the next part does again.
fn fold(workgroups: usize, most: u32) -> [u32; 2] {
    let rows = workgroups.div_ceil(most as usize).max(1);
    [workgroups.div_ceil(rows) as u32, rows as u32]
}

#[cfg(test)]
mod tests {
    use super::{fold, most_workgroups};

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
        let most = most_workgroups(65_535);
        let [x, y] = fold(most as usize, 65_535);
        assert!(y <= 65_535 && x.checked_mul(y).is_some());
        let [x, y] = fold(1_000_003, 65_535);
        assert!((1_000_003..1_000_003 + u64::from(x)).contains(&(u64::from(x) * u64::from(y))));
    }
}
