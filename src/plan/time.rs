//! How long the steps take on the device, without upload and read-back.

use std::time::{Duration, Instant};

use super::recording::Recording;
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
    /// By the device's clock each run's; by the host's the mean of all, whose steps then go to the device together.
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
    /// nothing is read back. By the device's clock where it has `TIMESTAMP_QUERY`. Each run is one submit at least.
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
        // Brings the inputs, and the driver compiles.
        let piece = recording.next_piece(self, Duration::MAX, usize::MAX)?;
        self.submit_and_wait(|encoder| recording.record(self, encoder, &piece))?;
        if self.gpu.has_timestamps() {
            let mut timestamps = self.gpu.in_turn(Timestamps::new(&self.gpu)?);
            let samples = (0..repeats.max(1)).map(|_| self.time_one(&recording, &mut timestamps));
            return Ok(Times {
                samples: samples.collect::<Result<_>>()?,
                clock: Clock::Device,
            });
        }
        let start = Instant::now();
        let all = |encoder: &mut wgpu::CommandEncoder| {
            (0..repeats.max(1)).for_each(|_| recording.repeat(self, encoder, None));
        };
        self.submit_and_wait(all)?;
        Ok(Times {
            samples: vec![start.elapsed() / repeats.max(1) as u32],
            clock: Clock::Host,
        })
    }

    fn time_one(&self, recording: &Recording, timestamps: &mut Timestamps) -> Result<Duration> {
        self.submit_and_wait(|encoder| {
            recording.repeat(self, encoder, Some(timestamps.of_pass(0)));
            timestamps.record(encoder, 1);
        })?;
        let times = pollster::block_on(timestamps.read(&self.gpu, 1))?;
        let [start, end] = times[0];
        Ok(end.saturating_sub(start))
    }

    fn submit_and_wait(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        let submission = self.gpu.checked("timing", || {
            let mut encoder = self.encoder();
            record(&mut encoder);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        self.gpu.wait(submission)
    }
}
