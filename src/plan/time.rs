//! How long the steps take on the device, without upload and read-back.

use std::time::{Duration, Instant};

use super::recording::{Piece, Recording};
use super::speed::{Stopwatch, now};
use super::{Plan, Value};
use crate::error::Result;
use crate::gpu::Timestamps;
use crate::profile::Clock;
use crate::tensor::Sizes;

/// How long runs of a plan took.
///
/// See [`Plan::time`] for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Times {
    /// By the device's clock each run's; by the host's the mean of all, which then follow each other without a pause.
    pub samples: Vec<Duration>,
    /// Whose clock it was.
    pub clock: Clock,
}

impl Times {
    /// The shortest.
    ///
    /// See [`Plan::time`] for an example.
    #[must_use]
    pub fn best(&self) -> Duration {
        self.samples.iter().min().copied().unwrap_or_default()
    }
}

impl Plan {
    /// How long the steps of `repeats` runs, at least one, take on the device, once it has the inputs and has run them once;
    /// nothing is read back. By the device's clock where it [`has_timestamps`](crate::gpu::Gpu::has_timestamps), when each run is one submit at least. None
    /// is meant to take longer than [`super::PlanOptions::submit_time`], by what the first run took.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions, Value}, tensor::{Dim, Sizes, Tensor}};
    /// use wgformer::plan::Times;
    ///
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    /// # let weight = graph.parameter("weight", [1, 2]);
    /// # graph.linear(x, weight, None)?;
    /// # let weights = Arc::new(HashMap::from([("weight".to_owned(), Tensor::new([1, 2], vec![3.0, 4.0]))]));
    /// # let sizes = Sizes::from_segments(&[0, 2]);
    /// # let plan = Plan::compile(&Gpu::new()?, &graph, weights, &PlanOptions::new(sizes))?;
    /// # let values = [Value::F32(&[1.0, 0.0, 1.0, 1.0])];
    /// let times: Times = plan.time(&sizes, &values, 10)?;
    /// println!("{:?} by the clock of the {:?}, the best of {}", times.best(), times.clock, times.samples.len());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn time(&self, sizes: &Sizes, values: &[Value<'_>], repeats: usize) -> Result<Times> {
        let mut recording = Recording::at_once(self, sizes, values)?;
        self.run_first(&mut recording)?;
        let repeats = repeats.max(1);
        if !self.gpu.has_timestamps() {
            return Ok(Times {
                samples: vec![self.time_together(&mut recording, repeats)?],
                clock: Clock::Host,
            });
        }
        let mut timestamps = self.gpu.in_turn(Timestamps::new(&self.gpu)?);
        let samples = (0..repeats).map(|_| self.time_one(&mut recording, &mut timestamps));
        Ok(Times {
            samples: samples.collect::<Result<_>>()?,
            clock: Clock::Device,
        })
    }

    /// Brings the inputs, has the driver compile, and learns how long the others may take.
    fn run_first(&self, recording: &mut Recording) -> Result<()> {
        let mut watch = Stopwatch::start(&self.speed);
        while !recording.is_done() {
            let piece = recording.next_piece(self, self.submit_time, usize::MAX)?;
            let submission = self.submit(recording, std::slice::from_ref(&piece), None)?;
            self.gpu.wait(submission)?;
            watch.lap(piece.work, now());
        }
        Ok(())
    }

    /// By the device's clock.
    fn time_one(&self, recording: &mut Recording, timestamps: &mut Timestamps) -> Result<Duration> {
        let mut time = Duration::ZERO;
        recording.restart();
        while !recording.is_done() {
            let piece = recording.next_piece(self, self.submit_time, usize::MAX)?;
            let submission = self.submit(recording, &[piece], Some(timestamps))?;
            self.gpu.wait(submission)?;
            let [start, end] = self.gpu.block_on(timestamps.read(&self.gpu, 1))?[0];
            time += end.saturating_sub(start);
        }
        Ok(time)
    }

    /// By the host's clock, the mean: a submit holds as much of these runs as it may, and the last alone is waited for.
    fn time_together(&self, recording: &mut Recording, repeats: usize) -> Result<Duration> {
        let most = self.speed.work(self.submit_time);
        let (mut pieces, mut work) = (Vec::new(), 0.0);
        let start = Instant::now();
        for _ in 0..repeats {
            recording.restart();
            while !recording.is_done() {
                let piece = recording.next_piece(self, self.submit_time, usize::MAX)?;
                if !pieces.is_empty() && work + piece.work > most {
                    self.submit(recording, &pieces, None)?;
                    recording.submitted();
                    pieces.clear();
                    work = 0.0;
                }
                work += piece.work;
                pieces.push(piece);
            }
        }
        let submission = self.submit(recording, &pieces, None)?;
        self.gpu.wait(submission)?;
        recording.is_through();
        Ok(start.elapsed() / repeats as u32)
    }

    /// In one pass each, of which the last is timed.
    fn submit(
        &self,
        recording: &Recording,
        pieces: &[Piece],
        timestamps: Option<&Timestamps>,
    ) -> Result<wgpu::SubmissionIndex> {
        self.gpu.checked("timing", || {
            let mut encoder = self.encoder();
            for piece in pieces {
                let writes = timestamps.map(|it| it.of_pass(0));
                recording.record_timed(self, &mut encoder, piece, writes);
            }
            if let Some(timestamps) = timestamps {
                timestamps.record(&mut encoder, 1);
            }
            self.gpu.queue().submit([encoder.finish()])
        })
    }
}
