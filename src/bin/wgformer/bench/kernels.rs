//! Every kernel that runs here, on the shapes of encoders: verified, then timed.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::ops::{Activation, Pooling};
use wgformer::profile::Clock;
use wgformer::verify::cases::{self, Combine, Epilogue};
use wgformer::verify::{self, Candidate, Case, Values};

use super::device::{Device, Kind};
use super::reference::Reference;
use super::samples::Summary;
use super::shapes::Shape;
use crate::model_args::value_name;

/// A kernel on one size.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Kernel {
    /// Of which encoder the size is.
    pub(crate) shape: String,
    pub(crate) operation: String,
    pub(crate) size: String,
    pub(crate) tokens: usize,
    pub(crate) kernel: String,
    /// The weights' type and the tile, and where they vary, how many lanes work together.
    pub(crate) variant: String,
    /// `device` or `host`.
    pub(crate) clock: String,
    /// In seconds.
    pub(crate) time: Summary,
    /// Of matrix products, a second.
    pub(crate) flops_per_second: Option<f64>,
    /// Of operands and results, a second.
    pub(crate) bytes_per_second: f64,
    /// What it does of what the device could do of the like: arithmetic, or what its bytes allow, whichever is less.
    pub(crate) of_roof: f64,
    /// A matrix product's arithmetic a second over the reference's.
    pub(crate) over_reference: Option<f64>,
}

/// What is measured, and how long.
pub(crate) struct Plan {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) tokens: Vec<usize>,
    pub(crate) budget: Duration,
    /// Only kernels, or kernels and tiles, of these names, if there are any.
    pub(crate) only: Vec<String>,
}

/// Kernels that were measured, and how many sizes there was no time for.
pub(crate) struct Measured {
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) left: usize,
    /// Those that compute wrongly here, which are not timed.
    pub(crate) wrong: Vec<String>,
}

/// Rows on which each kernel is verified first.
const VERIFIED: usize = 37;

/// Runs of a kernel on a size.
const LEAST: usize = 3;
const MOST: usize = 30;

/// A kernel is not timed for longer.
const LONGEST: Duration = Duration::from_millis(300);

/// One operation of a shape, of any number of tokens.
struct Subject {
    shape: Shape,
    case: Box<dyn Fn(&[usize]) -> wgformer::Result<Case>>,
}

fn subjects(shape: Shape) -> Vec<Subject> {
    let sizes = shape.sizes();
    let (hidden, heads, wide) = (sizes.hidden, sizes.heads, sizes.intermediate);
    let head_dim = hidden / heads;
    let unit = Values::Unit;
    let bias = Epilogue {
        bias: true,
        ..Epilogue::default()
    };
    let gelu = Epilogue {
        activation: Some(Activation::Gelu),
        ..bias
    };
    let residual = Epilogue {
        combine: Some(Combine::Add),
        ..bias
    };
    let rows = |lengths: &[usize]| lengths.iter().sum::<usize>();
    let subject = |case: Box<dyn Fn(&[usize]) -> wgformer::Result<Case>>| Subject { shape, case };
    vec![
        subject(Box::new(move |it| {
            cases::qkv_linear(rows(it), heads, head_dim, 0, true)
        })),
        subject(Box::new(move |it| {
            cases::linear([rows(it), hidden, hidden], residual, unit)
        })),
        subject(Box::new(move |it| {
            cases::linear([rows(it), wide, hidden], gelu, unit)
        })),
        subject(Box::new(move |it| {
            cases::linear([rows(it), hidden, wide], residual, unit)
        })),
        subject(Box::new(move |it| {
            cases::attention(it, heads, head_dim, 1.0, unit)
        })),
        subject(Box::new(move |it| {
            cases::layer_norm(rows(it), hidden, unit, false)
        })),
        subject(Box::new(move |it| cases::softmax(rows(it), hidden, unit))),
        subject(Box::new(move |it| {
            cases::pool(it, hidden, Pooling::Mean, true, unit)
        })),
    ]
}

impl Plan {
    /// How many sizes there are.
    pub(crate) fn len(&self) -> usize {
        self.shapes
            .iter()
            .map(|it| subjects(*it).len())
            .sum::<usize>()
            * self.tokens.len()
    }

    /// `told` hears of every size when it is done.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(
        &self,
        gpu: &Gpu,
        device: &Device,
        reference: &Reference,
        mut told: impl FnMut(),
    ) -> Result<Measured> {
        let mut measured = Measured {
            kernels: vec![],
            left: 0,
            wrong: vec![],
        };
        let subjects: Vec<Subject> = self.shapes.iter().flat_map(|it| subjects(*it)).collect();
        let start = Instant::now();
        for tokens in &self.tokens {
            for subject in &subjects {
                if start.elapsed() >= self.budget {
                    measured.left += 1;
                    continue;
                }
                self.measure_size(gpu, device, reference, subject, *tokens, &mut measured)?;
                told();
            }
        }
        Ok(measured)
    }

    fn measure_size(
        &self,
        gpu: &Gpu,
        device: &Device,
        reference: &Reference,
        subject: &Subject,
        tokens: usize,
        measured: &mut Measured,
    ) -> Result<()> {
        let small = (subject.case)(&[VERIFIED])?;
        let keep = |candidate: &Candidate| self.is_wanted(candidate);
        let outcomes = verify::check_where(gpu, &small, keep)?;
        let wrong = outcomes.iter().filter(|outcome| outcome.failure.is_some());
        let wrong: Vec<(&str, &str)> = wrong.map(|it| (it.kernel, &it.variant[..])).collect();
        let case = (subject.case)(&subject.shape.lengths(tokens))?;
        for candidate in verify::candidates(gpu, &case) {
            let name = (candidate.variant().kernel.name, &candidate.describe()[..]);
            if !self.is_wanted(&candidate) {
                continue;
            }
            if wrong.contains(&name) {
                measured
                    .wrong
                    .push(format!("{} {}, {}", name.0, name.1, small.name));
                continue;
            }
            let Some((summary, clock, work)) = time(gpu, &candidate, &case)? else {
                continue;
            };
            let is_product = work.0.is_some() && case.operation.contains("linear");
            let rate = work.0.map(|flops| summary.rate(flops));
            measured.kernels.push(Kernel {
                shape: value_name(&subject.shape),
                operation: case.operation.to_owned(),
                size: case.name.clone(),
                tokens,
                kernel: name.0.to_owned(),
                variant: name.1.to_owned(),
                clock: match clock {
                    Clock::Device => "device",
                    _ => "host",
                }
                .to_owned(),
                time: summary,
                flops_per_second: rate,
                bytes_per_second: summary.rate(work.1),
                of_roof: roof_share(device, &candidate, work, summary.median),
                over_reference: rate
                    .filter(|_| is_product)
                    .map(|it| it / reference.flops_per_second),
            });
        }
        Ok(())
    }

    fn is_wanted(&self, candidate: &Candidate) -> bool {
        let mut only = self.only.iter();
        self.only.is_empty() || only.any(|name| candidate.variant().is_called(name))
    }
}

/// The time of a case on a candidate, whose clock it is, and its arithmetic and bytes; `None` if it does not fit there.
fn time(
    gpu: &Gpu,
    candidate: &Candidate,
    case: &Case,
) -> Result<Option<(Summary, Clock, (Option<f64>, f64))>> {
    let plan = match candidate.plan(gpu, case) {
        Ok(plan) => plan,
        Err(wgformer::Error::NoVariant { .. } | wgformer::Error::Limit { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let values = case.values();
    let once = plan.time(&case.sizes, &values, 1)?;
    let repeats = LONGEST.as_secs_f64() / once.best().as_secs_f64().max(1e-9);
    let times = plan.time(&case.sizes, &values, (repeats as usize).clamp(LEAST, MOST))?;
    let samples: Vec<f64> = times.samples.iter().map(Duration::as_secs_f64).collect();
    let work = plan.work(&case.sizes, &values);
    let flops: f64 = work.iter().map(|step| step.flops).sum();
    let bytes = work.iter().map(|step| step.bytes).sum();
    let flops = (flops > 0.0).then_some(flops);
    Ok(Some((Summary::of(&samples), times.clock, (flops, bytes))))
}

/// Williams and others, 2009: no more than the arithmetic there is, nor than what memory brings for it.
fn roof_share(
    device: &Device,
    candidate: &Candidate,
    (flops, bytes): (Option<f64>, f64),
    seconds: f64,
) -> f64 {
    let bandwidth = device.bandwidth();
    let Some(flops) = flops else {
        return bytes / seconds / bandwidth;
    };
    let peak = match candidate.variant().kernel.cooperative_matrix {
        Some(8) => device.peak(Kind::Cooperative8),
        Some(_) => device.peak(Kind::Cooperative16),
        None => None,
    };
    let peak = peak.unwrap_or_else(|| device.peak_f32());
    flops / seconds / peak.min(flops / bytes * bandwidth)
}
