//! What the device itself can do: arithmetic, memory, and what work of any size costs.

mod arithmetic;
mod latency;
mod memory;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use wgformer::Gpu;

use super::summary::{Repeats, Summary};

pub(crate) use arithmetic::Kind;

/// What was measured of a device.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Device {
    /// `device` or `host`: whose clock timed all but submit, read-back, upload and compilation, which are the host's.
    pub(crate) clock: String,
    /// The best rate of a kernel of nothing else, by what it multiplies: what the device lacks is not there.
    pub(crate) arithmetic: Vec<Arithmetic>,
    pub(crate) memory: Vec<Memory>,
    /// A dispatch of one workgroup among many, in seconds.
    pub(crate) dispatch: Summary,
    /// An empty submit until the host knows that it is done, in seconds.
    pub(crate) submit: Summary,
    /// Four bytes copied, mapped and read, in seconds.
    pub(crate) read_back: Summary,
    /// Bytes a second from the host into a buffer.
    pub(crate) upload: Rate,
    /// A kernel that the driver has not seen, in seconds.
    pub(crate) compile: Summary,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Arithmetic {
    pub(crate) kind: Kind,
    /// Multiplications and additions a second.
    pub(crate) flops_per_second: f64,
    pub(crate) time: Summary,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Memory {
    /// `read`, `write` or `copy`.
    pub(crate) access: String,
    /// Of the buffer.
    pub(crate) bytes: u64,
    /// Bytes that were read and written, a second.
    pub(crate) bytes_per_second: f64,
    pub(crate) time: Summary,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) time: Summary,
}

impl Device {
    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(gpu: &Gpu, repeats: Repeats) -> Result<Self> {
        let clock = if gpu.has_timestamps() {
            "device"
        } else {
            "host"
        };
        Ok(Self {
            clock: clock.to_owned(),
            arithmetic: arithmetic::measure(gpu, repeats)?,
            memory: memory::measure(gpu, repeats)?,
            dispatch: latency::dispatch(gpu, repeats)?,
            submit: latency::submit(gpu, repeats)?,
            read_back: latency::read_back(gpu, repeats)?,
            upload: latency::upload(gpu, repeats)?,
            compile: latency::compile(gpu, repeats)?,
        })
    }

    /// The best rate of multiply-adds in f32.
    pub(crate) fn peak_f32(&self) -> f64 {
        self.peak(Kind::F32).unwrap_or(f64::NAN)
    }

    pub(crate) fn peak(&self, kind: Kind) -> Option<f64> {
        let mut all = self.arithmetic.iter();
        Some(all.find(|it| it.kind == kind)?.flops_per_second)
    }

    /// The best rate at which memory was read or copied, of buffers that no cache holds: the largest. What is only written
    /// need not come from anywhere.
    pub(crate) fn bandwidth(&self) -> f64 {
        let largest = self.memory.iter().map(|it| it.bytes).max().unwrap_or(0);
        let rates = self.memory.iter();
        let rates = rates.filter(|it| it.bytes == largest && it.access != "write");
        rates.map(|it| it.bytes_per_second).fold(0.0, f64::max)
    }
}
