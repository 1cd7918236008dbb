//! What the kernels' samples come to, once all of them are there.

use std::collections::BTreeSet;

use wgformer::profile::Clock;
use wgformer::verify::{Candidate, Case};

use super::device::{Device, Kind};
use super::kernels::{Kernel, Subject};
use super::reference::Baseline;
use super::samples::Summary;
use crate::model_args::value_name;

/// Of the kernels that were timed so far, and those that there was no time for yet.
#[derive(Default)]
pub(super) struct Sampled {
    pub(super) kernels: Vec<Samples>,
    pub(super) left: BTreeSet<About>,
}

/// A kernel on one size.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct About {
    shape: String,
    operation: &'static str,
    size: String,
    tokens: usize,
    kernel: &'static str,
    variant: String,
    /// The edge of the matrices that it multiplies by, if any.
    cooperative_matrix: Option<u32>,
}

/// What it came to in one sweep.
pub(super) struct Timed {
    /// In seconds.
    pub(super) times: Vec<f64>,
    /// Of the reference meanwhile, in seconds.
    pub(super) reference: Vec<f64>,
    pub(super) clock: Clock,
    /// 0 where an operation is no matter of arithmetic.
    pub(super) flops: f64,
    pub(super) bytes: f64,
}

/// What it came to in all of them.
pub(super) struct Samples {
    about: About,
    timed: Timed,
}

impl Sampled {
    pub(super) fn add(&mut self, about: About, timed: Timed) {
        self.left.remove(&about);
        match self.kernels.iter_mut().find(|it| it.about == about) {
            None => self.kernels.push(Samples { about, timed }),
            Some(samples) => {
                samples.timed.times.extend(timed.times);
                samples.timed.reference.extend(timed.reference);
            }
        }
    }

    pub(super) fn skip(&mut self, about: About) {
        if self.kernels.iter().all(|it| it.about != about) {
            self.left.insert(about);
        }
    }
}

impl About {
    pub(super) fn new(
        subject: &Subject,
        case: &Case,
        tokens: usize,
        candidate: &Candidate,
    ) -> Self {
        let kernel = candidate.variant().kernel;
        Self {
            shape: value_name(&subject.shape),
            operation: case.operation,
            size: case.name.clone(),
            tokens,
            kernel: kernel.name,
            variant: candidate.describe(),
            cooperative_matrix: kernel.cooperative_matrix,
        }
    }
}

impl Samples {
    pub(super) fn kernel(&self, device: &Device, baseline: &Baseline) -> Kernel {
        let Self { about, timed } = self;
        let time = Summary::of(&timed.times);
        let reference = Summary::of(&timed.reference).least;
        let flops = (timed.flops > 0.0).then_some(timed.flops);
        let products = flops.filter(|_| about.operation.contains("linear"));
        Kernel {
            shape: about.shape.clone(),
            operation: about.operation.to_owned(),
            size: about.size.clone(),
            tokens: about.tokens,
            kernel: about.kernel.to_owned(),
            variant: about.variant.clone(),
            clock: match timed.clock {
                Clock::Device => "device",
                _ => "host",
            }
            .to_owned(),
            flops_per_second: flops.map(|flops| time.rate(flops)),
            bytes_per_second: time.rate(timed.bytes),
            of_roof: self.roof_share(device, time.median),
            over_reference: products.map(|flops| flops / time.least * reference / baseline.flops()),
            time,
        }
    }

    /// Williams and others, 2009: no more than the arithmetic there is, nor than what memory brings for it.
    fn roof_share(&self, device: &Device, seconds: f64) -> f64 {
        let Timed { flops, bytes, .. } = self.timed;
        let bandwidth = device.bandwidth();
        if flops == 0.0 {
            return bytes / seconds / bandwidth;
        }
        let peak = match self.about.cooperative_matrix {
            Some(8) => device.peak(Kind::Cooperative8),
            Some(_) => device.peak(Kind::Cooperative16),
            None => None,
        };
        let peak = peak.unwrap_or_else(|| device.peak_f32());
        flops / seconds / peak.min(flops / bytes * bandwidth)
    }
}
