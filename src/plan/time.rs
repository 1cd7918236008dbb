//! How long the steps take on the device, without upload and read-back.

use std::time::{Duration, Instant};

use super::recording::Recording;
use super::{Plan, Value};
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
        let mut recording = Recording::at_once(self, sizes, values)?;
        let run = |record: &mut dyn FnMut(&mut wgpu::CommandEncoder)| {
            let submission = self.gpu.checked("timing", || {
                let mut encoder = self.encoder();
                record(&mut encoder);
                self.gpu.queue().submit([encoder.finish()])
            })?;
            self.gpu.wait(submission)
        };
        // Brings the inputs, and the driver compiles.
        let piece = recording.next_piece(self, Duration::MAX, usize::MAX)?;
        run(&mut |encoder| recording.record(self, encoder, &piece))?;
        let start = Instant::now();
        run(&mut |encoder| (0..repeats).for_each(|_| recording.repeat(self, encoder)))?;
        let elapsed = start.elapsed();
        Ok(elapsed / repeats)
    }
}
