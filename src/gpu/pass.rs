//! Passes of commands that are no plan's, and how long they take by the clock that plans are timed by.

#![cfg(not(target_arch = "wasm32"))] // a browser must not be waited for

use std::time::{Duration, Instant};

use super::{Gpu, Timestamps};
use crate::error::Result;

/// How long a pass took.
pub(super) struct PassTimes {
    /// From the submit until the device was known to be done.
    pub(super) by_the_host: Duration,
    /// By its own clock, where it was asked.
    pub(super) by_the_device: Option<Duration>,
}

impl Gpu {
    /// How long the commands that `record` puts into one compute pass take on the device, in a submit of their own: by its
    /// own clock where it [`has_timestamps`](Self::has_timestamps), otherwise by the host's, from the submit until the
    /// device is known to be done. So an application times kernels of its own as [`Plan::time`](crate::plan::Plan::time)
    /// times a plan's; as there, it should run them once before, since the driver may compile then.
    ///
    /// ```
    /// let gpu = wgformer::Gpu::new()?;
    /// let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
    ///     label: None,
    ///     source: wgpu::ShaderSource::Wgsl("@compute @workgroup_size(1) fn nothing() {}".into()),
    /// });
    /// let pipeline = gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
    ///     label: None,
    ///     layout: None,
    ///     module: &module,
    ///     entry_point: None,
    ///     compilation_options: Default::default(),
    ///     cache: None,
    /// });
    /// let time = gpu.time_pass(|pass| {
    ///     pass.set_pipeline(&pipeline);
    ///     pass.dispatch_workgroups(1, 1, 1);
    /// })?;
    /// println!("{time:?}");
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) with what the device has against the commands,
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn time_pass(&self, record: impl FnOnce(&mut wgpu::ComputePass<'_>)) -> Result<Duration> {
        let mut timestamps = match self.has_timestamps() {
            true => Some(self.in_turn(Timestamps::new(self)?)),
            false => None,
        };
        let times = self.run_pass("timing a pass", timestamps.as_deref_mut(), record)?;
        Ok(times.by_the_device.unwrap_or(times.by_the_host))
    }

    /// In a submit of its own, to its end; `action`: what an error names.
    pub(super) fn run_pass(
        &self,
        action: &str,
        timestamps: Option<&mut Timestamps>,
        record: impl FnOnce(&mut wgpu::ComputePass<'_>),
    ) -> Result<PassTimes> {
        let (submission, start) = self.submit_pass(action, timestamps.as_deref(), record)?;
        self.wait(submission)?;
        let by_the_host = start.elapsed();
        let by_the_device = match timestamps {
            None => None,
            Some(timestamps) => {
                let [start, end] = self.block_on(timestamps.read(self, 1))?[0];
                Some(end.saturating_sub(start))
            }
        };
        Ok(PassTimes {
            by_the_host,
            by_the_device,
        })
    }

    /// In a submit of its own, and right before when it was submitted.
    fn submit_pass(
        &self,
        action: &str,
        timestamps: Option<&Timestamps>,
        record: impl FnOnce(&mut wgpu::ComputePass<'_>),
    ) -> Result<(wgpu::SubmissionIndex, Instant)> {
        self.checked(action, || {
            let mut encoder = self.device().create_command_encoder(&Default::default());
            let descriptor = wgpu::ComputePassDescriptor {
                label: Some(action),
                timestamp_writes: timestamps.map(|it| it.of_pass(0)),
            };
            record(&mut encoder.begin_compute_pass(&descriptor));
            if let Some(timestamps) = timestamps {
                timestamps.record(&mut encoder, 1);
            }
            let commands = encoder.finish();
            let start = Instant::now(); // some drivers do the work while they submit it
            (self.queue().submit([commands]), start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_takes_longer_and_what_the_device_refuses_is_an_error() {
        let gpu = Gpu::new().unwrap();
        let (pipeline, group) = gpu.spinning();
        let time = |dispatches: u32| {
            let pass = |pass: &mut wgpu::ComputePass<'_>| {
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &group, &[]);
                (0..dispatches).for_each(|_| pass.dispatch_workgroups(1, 1, 1));
            };
            let times = (0..3).map(|_| gpu.time_pass(pass).unwrap());
            times.min().expect("there are three")
        };
        let [one, many] = [1, 8].map(time);
        assert!(many > 2 * one, "{one:?} and {many:?}");

        let error = gpu.time_pass(|pass| pass.dispatch_workgroups(1, 1, 1));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("timing a pass"), "{error}");
    }
}
