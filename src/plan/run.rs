//! One run on the engine's own encoders: submits of bounded length, one after another, then the result is read back.

use super::recording::Recording;
use super::speed::{Stopwatch, now};
use super::{Control, Plan, Value};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::profile::Track;
use crate::tensor::Sizes;

impl Plan {
    /// Runs the graph and waits for its output: f32, row-major, in the output's shape for `sizes`.
    ///
    /// `values`: the graph's inputs, in order. Where three other runs are under way already, or as many as the memory
    /// budget has room for, it waits for its turn.
    ///
    /// # Errors
    /// [`Error::Input`] if the inputs do not fit the graph or its capacity; [`Error::Limit`] if an activation is larger
    /// than the device allows; of a table that stays on the host, what [`Weights::rows`](super::Weights::rows) says, and
    /// [`Error::NotFinite`]; [`Error::OutOfMemory`], [`Error::DeviceLost`] or [`Error::Device`] if the driver fails.
    pub fn run(&self, sizes: &Sizes, values: &[Value<'_>]) -> Result<Vec<f32>> {
        self.gpu.block_on(self.run_async(sizes, values))
    }

    /// [`Plan::run`], without blocking the thread. No submit is estimated to take longer than
    /// [`super::PlanOptions::submit_time`]; a dispatch that would is split. Dropping the future cancels what is not
    /// submitted yet and leaves the plan usable.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn run_async(&self, sizes: &Sizes, values: &[Value<'_>]) -> Result<Vec<f32>> {
        self.run_with_async(sizes, values, Control::new()).await
    }

    /// [`Plan::run`] with a deadline, or somebody who is told how many of its steps are submitted.
    ///
    /// See [`Control`] for an example.
    ///
    /// # Errors
    /// As [`Plan::run`], and [`Error::Deadline`].
    pub fn run_with(
        &self,
        sizes: &Sizes,
        values: &[Value<'_>],
        control: Control<'_>,
    ) -> Result<Vec<f32>> {
        self.gpu
            .block_on(self.run_with_async(sizes, values, control))
    }

    /// [`Plan::run_with`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Plan::run_with`].
    pub async fn run_with_async(
        &self,
        sizes: &Sizes,
        values: &[Value<'_>],
        mut control: Control<'_>,
    ) -> Result<Vec<f32>> {
        let deadline = control.due();
        let run = async {
            let start = now();
            let mut recording = Recording::new(self, sizes, values).await?;
            match self.gpu.profiler().zip(start) {
                None => self.finish(&mut recording, &mut control).await,
                Some((profiler, start)) => {
                    profiler.profile.add_of_host(Track::Upload, "inputs", start);
                    let work = self.work(sizes, values);
                    self.finish_profiled(profiler, &mut recording, &work, &mut control)
                        .await
                }
            }
        };
        self.gpu.before(deadline, run).await
    }

    /// Submits all steps, piece by piece, and reads the result back.
    async fn finish(
        &self,
        recording: &mut Recording,
        control: &mut Control<'_>,
    ) -> Result<Vec<f32>> {
        let mut watch = Stopwatch::start(&self.speed);
        let mut before = None; // the submit that the device still works on while the next one is recorded
        loop {
            let piece = recording.next_piece(self, self.submit_time, usize::MAX)?;
            self.gpu.checked("running the plan", || {
                let mut encoder = self.encoder();
                recording.record(self, &mut encoder, &piece);
                if recording.is_done() {
                    recording.record_readback(self, &mut encoder);
                }
                self.gpu.queue().submit([encoder.finish()])
            })?;
            recording.submitted();
            let work = piece.work;
            control.report(recording.recorded(), self.steps.len());
            if let Some((done, work)) = before.take() {
                watch.lap(work, done.await?);
            }
            if recording.is_done() {
                let values = recording.read(self).await?;
                watch.lap(work, now());
                recording.is_through();
                return Ok(values);
            }
            before = Some((self.gpu.done(), work));
        }
    }
}
