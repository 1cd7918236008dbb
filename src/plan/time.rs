//! How long the steps take on the device, without upload and read-back.

use std::time::{Duration, Instant};

use super::{Plan, Value, inputs};
use crate::error::Result;
use crate::tensor::Sizes;

impl Plan {
    /// The time of one run's steps, of `repeats` runs recorded one after another.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub(crate) fn time(
        &self,
        sizes: &Sizes,
        values: &[Value<'_>],
        repeats: u32,
    ) -> Result<Duration> {
        inputs::check(&self.graph, sizes, Some(&self.capacity), values)?;
        let activations = self.take_activations()?;
        let launches = self.launches(sizes);
        let run = |repeats| {
            let submission = self.gpu.checked("timing", || {
                let mut encoder = self.encoder();
                for _ in 0..repeats {
                    self.record(&mut encoder, &activations, &launches, 0..self.steps.len());
                }
                self.gpu.queue().submit([encoder.finish()])
            })?;
            self.gpu.wait(submission)
        };
        self.gpu.checked("writing inputs", || {
            self.upload(&activations, sizes, values, &launches);
        })?;
        run(1)?; // the inputs are there, and the driver has compiled
        let start = Instant::now();
        run(repeats)?;
        let elapsed = start.elapsed();
        self.keep_activations(activations);
        Ok(elapsed / repeats)
    }
}
