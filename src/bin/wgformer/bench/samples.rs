//! What the kernels' samples come to, once all of them are there.

use std::collections::{BTreeMap, BTreeSet};

use wgformer::profile::Clock;
use wgformer::verify::{Candidate, Case};

use super::device::{Device, Kind};
use super::kernels::Kernel;
use super::reference::Baseline;
use super::subject::Subject;
use super::summary::Summary;
use crate::model_args::value_name;

/// Of the kernels that were timed so far, and those that there was no time for yet.
#[derive(Default)]
pub(super) struct Sampled {
    samples: Vec<Samples>,
    left: BTreeSet<About>,
    begun: BTreeSet<Place>,
}

/// A size: its shape's name, its tokens, and its subject's place among those of the shape.
type Place = (String, usize, usize);

fn place((tokens, subject): (usize, &Subject)) -> Place {
    (value_name(&subject.shape), tokens, subject.place)
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
struct Samples {
    about: About,
    timed: Timed,
}

impl Sampled {
    pub(super) fn add(&mut self, about: About, timed: Timed) {
        self.left.remove(&about);
        match self.samples.iter_mut().find(|it| it.about == about) {
            None => self.samples.push(Samples { about, timed }),
            Some(samples) => {
                samples.timed.times.extend(timed.times);
                samples.timed.reference.extend(timed.reference);
            }
        }
    }

    /// In the order in which they came.
    pub(super) fn kernels(&self, device: &Device, baseline: &Baseline) -> Vec<Kernel> {
        let kernels = self.samples.iter();
        kernels
            .map(|it| it.kernel(device, self.reference(it, baseline)))
            .collect()
    }

    /// What a kernel is compared with, as the time that it would take itself at that speed: the textbook's product for a
    /// product, timed in turns with it, and otherwise the operation's plain kernel on the same size, if it was timed.
    fn reference(&self, samples: &Samples, baseline: &Baseline) -> Option<f64> {
        let Samples { about, timed } = samples;
        if is_product(about.operation) {
            return Some(least(&timed.reference) * timed.flops / baseline.flops());
        }
        let is_plain = |it: &&Samples| {
            let size = (&it.about.shape, &it.about.size);
            size == (&about.shape, &about.size) && it.about.kernel == about.operation
        };
        let plain = self.samples.iter().filter(is_plain);
        plain
            .map(|it| least(&it.timed.times))
            .min_by(f64::total_cmp)
    }

    /// There was time for some of its kernels, or might have been.
    pub(super) fn begin(&mut self, subject: &Subject, tokens: usize) {
        self.begun.insert(place((tokens, subject)));
    }

    /// There was no time for it yet.
    pub(super) fn skip(&mut self, about: About) {
        if self.samples.iter().all(|it| it.about != about) {
            self.left.insert(about);
        }
    }

    /// It cannot be timed, however much time there is.
    pub(super) fn forget(&mut self, about: &About) {
        self.left.remove(about);
    }

    /// For what of these sizes there was no time, a line for each shape.
    pub(super) fn left_out<'a>(
        &self,
        sizes: impl Iterator<Item = (usize, &'a Subject)>,
    ) -> Vec<String> {
        let sizes: Vec<Place> = sizes.map(place).collect();
        let mut shapes: Vec<&String> = sizes.iter().map(|(shape, ..)| shape).collect();
        let mut seen = BTreeSet::new();
        shapes.retain(|shape| seen.insert(*shape));
        let lines = shapes.into_iter().filter_map(|shape| {
            let own = sizes.iter().filter(|(of, ..)| of == shape).collect();
            let parts = self.left_out_of(shape, own);
            (!parts.is_empty()).then(|| format!("{shape}: {}", parts.join("; ")))
        });
        lines.collect()
    }

    fn left_out_of(&self, shape: &str, sizes: Vec<&Place>) -> Vec<String> {
        let mut all: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
        for size in sizes {
            let [count, begun] = all.entry(size.1).or_default();
            *count += 1;
            *begun += usize::from(self.begun.contains(size));
        }
        let is_whole = |(_, [_, begun]): &(usize, [usize; 2])| *begun == 0;
        let (whole, parts): (Vec<_>, Vec<_>) = all.into_iter().partition(is_whole);
        let whole: Vec<String> = whole.iter().map(|(tokens, _)| tokens.to_string()).collect();
        let whole = (!whole.is_empty()).then(|| format!("all of {} tokens", whole.join(", ")));
        let parts = parts.into_iter().flat_map(|(tokens, [count, begun])| {
            let left = self.left.iter();
            let left = left.filter(|it| it.shape == shape && it.tokens == tokens);
            let counts = [(count - begun, "operation"), (left.count(), "kernel")];
            let counts = counts.into_iter().filter(|(count, _)| *count > 0);
            let counts: Vec<String> = counts.map(counted).collect();
            (!counts.is_empty()).then(|| format!("{} of {tokens} tokens", counts.join(" and ")))
        });
        whole.into_iter().chain(parts).collect()
    }
}

fn counted((count, what): (usize, &str)) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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

/// Whether it is compared with the textbook's product, rather than with a plain kernel of its own.
pub(super) fn is_product(operation: &str) -> bool {
    operation.contains("linear")
}

fn least(samples: &[f64]) -> f64 {
    Summary::of(samples).least
}

impl Samples {
    fn kernel(&self, device: &Device, reference: Option<f64>) -> Kernel {
        let Self { about, timed } = self;
        let time = Summary::of(&timed.times);
        let flops = (timed.flops > 0.0).then_some(timed.flops);
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
            over_reference: reference.map(|it| it / time.least),
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
