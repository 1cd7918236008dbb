//! Every kernel that runs here, on the shapes of encoders: verified, then timed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::ops::{Activation, Pooling};
use wgformer::profile::Clock;
use wgformer::verify::cases::{self, Combine, Epilogue};
use wgformer::verify::{self, Candidate, Case, Values};

use super::device::{Device, Kind};
use super::reference::Baseline;
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
    /// A matrix product's arithmetic a second over the reference's, which was timed in turns with it: of each the best, which
    /// other work on the machine changes least.
    pub(crate) over_reference: Option<f64>,
}

/// What is measured, and how long.
pub(crate) struct Plan {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) tokens: Vec<usize>,
    pub(crate) budget: Duration,
    /// A kernel is not timed for longer.
    pub(crate) longest: Duration,
    /// Only kernels, or kernels and tiles, of these names, if there are any.
    pub(crate) only: Vec<String>,
}

/// Kernels that were measured, and how many there was no time for.
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

/// In so many rounds at most, between which the reference is timed: so both meet the same load, and by the host's clock,
/// which tells the mean of a round, there is a spread.
const ROUNDS: usize = 5;

/// Of the reference, between two rounds.
const REFERENCES: usize = 2;

/// No size has more than this share of the time: of the many kernels for others' adapters on a large one some may be left
/// out, since this adapter's own come first.
const SHARES: u32 = 8;

/// One that takes so many times as long as the best of its size is timed once: by how much it is slow matters to nobody.
const HOPELESS: f64 = 10.0;

/// A case of sequences of these lengths.
type Recipe = Box<dyn Fn(&[usize]) -> wgformer::Result<Case>>;

/// One operation of a shape, of any number of tokens.
pub(super) struct Subject {
    pub(super) shape: Shape,
    pub(super) case: Recipe,
    /// Whether kernels compute it rightly here, by their names and how they vary, once that is known.
    right: RefCell<BTreeMap<(&'static str, String), bool>>,
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
    let subject = |case: Recipe| Subject {
        shape,
        case,
        right: RefCell::default(),
    };
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
        self.subjects().len() * self.tokens.len()
    }

    pub(super) fn subjects(&self) -> Vec<Subject> {
        self.shapes.iter().flat_map(|it| subjects(*it)).collect()
    }

    /// # Errors
    /// If a kernel was asked for that none of the sizes can run on here.
    pub(crate) fn check(&self, gpu: &Gpu) -> Result<()> {
        let mut names = BTreeSet::new();
        let mut candidates = vec![];
        for subject in self.subjects() {
            candidates.extend(verify::candidates(gpu, &(subject.case)(&[VERIFIED])?));
        }
        for candidate in &candidates {
            names.insert(candidate.variant().kernel.name);
        }
        let is_there = |name: &&String| {
            let mut variants = candidates.iter().map(Candidate::variant);
            variants.any(|variant| variant.is_called(name))
        };
        match self.only.iter().find(|name| !is_there(name)) {
            None => Ok(()),
            Some(name) => Err(anyhow!(
                "--kernel {name:?} is no kernel, or kernel with a tile, that is measured on {}; these are: {}",
                gpu.capabilities(),
                names.into_iter().collect::<Vec<_>>().join(", ")
            )),
        }
    }

    /// `told` hears of every size when it is done.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(
        &self,
        gpu: &Gpu,
        device: &Device,
        baseline: &Baseline,
        mut told: impl FnMut(),
    ) -> Result<Measured> {
        let mut measured = Measured {
            kernels: vec![],
            left: 0,
            wrong: vec![],
        };
        let subjects = self.subjects();
        let until = Instant::now() + self.budget;
        for tokens in &self.tokens {
            for subject in &subjects {
                let until = until.min(Instant::now() + self.budget / SHARES);
                let turns = (device, baseline, until);
                self.measure_size(gpu, turns, subject, *tokens, &mut measured)?;
                told();
            }
        }
        for subject in &subjects {
            let name = (subject.case)(&[VERIFIED])?.name;
            let right = subject.right.borrow();
            let wrong = right.iter().filter(|(_, right)| !**right);
            let wrong = wrong.map(|((kernel, variant), _)| format!("{kernel} {variant}, {name}"));
            measured.wrong.extend(wrong);
        }
        Ok(measured)
    }

    fn measure_size(
        &self,
        gpu: &Gpu,
        (device, baseline, until): (&Device, &Baseline, Instant),
        subject: &Subject,
        tokens: usize,
        measured: &mut Measured,
    ) -> Result<()> {
        let case = (subject.case)(&subject.shape.lengths(tokens))?;
        let mut best = f64::INFINITY;
        for candidate in verify::candidates(gpu, &case) {
            if !self.is_wanted(&candidate) {
                continue;
            }
            if Instant::now() >= until {
                measured.left += 1;
                continue;
            }
            if !subject.is_right(gpu, &candidate)? {
                continue;
            }
            let Some(timed) = self.time(gpu, &candidate, &case, baseline, best)? else {
                continue;
            };
            best = best.min(timed.summary.median);
            let is_product = case.operation.contains("linear");
            let rate = timed.flops.map(|flops| timed.summary.rate(flops));
            measured.kernels.push(Kernel {
                shape: value_name(&subject.shape),
                operation: case.operation.to_owned(),
                size: case.name.clone(),
                tokens,
                kernel: candidate.variant().kernel.name.to_owned(),
                variant: candidate.describe(),
                clock: match timed.clock {
                    Clock::Device => "device",
                    _ => "host",
                }
                .to_owned(),
                flops_per_second: rate,
                bytes_per_second: timed.summary.rate(timed.bytes),
                of_roof: roof_share(device, &candidate, &timed),
                over_reference: timed
                    .flops
                    .filter(|_| is_product)
                    .map(|it| it / timed.summary.least * timed.reference / baseline.flops()),
                time: timed.summary,
            });
        }
        Ok(())
    }

    /// `None` if the case does not fit the candidate; `best`: the time of the best of its size so far, in seconds.
    fn time(
        &self,
        gpu: &Gpu,
        candidate: &Candidate,
        case: &Case,
        baseline: &Baseline,
        best: f64,
    ) -> Result<Option<Timed>> {
        let Some(plan) = plan(gpu, candidate, case)? else {
            return Ok(None);
        };
        let values = case.values();
        let first = plan.time(&case.sizes, &values, 1)?;
        let once = first.best().as_secs_f64();
        let (mut samples, mut reference) = (vec![], vec![baseline.time()?.as_secs_f64()]);
        if once > HOPELESS * best {
            samples.push(once);
        } else {
            let repeats = self.longest.as_secs_f64() / once.max(1e-9);
            let repeats = (repeats as usize).clamp(LEAST, MOST);
            let rounds = repeats.min(ROUNDS);
            for _ in 0..rounds {
                let times = plan.time(&case.sizes, &values, repeats / rounds)?;
                samples.extend(times.samples.iter().map(Duration::as_secs_f64));
                for _ in 0..REFERENCES {
                    reference.push(baseline.time()?.as_secs_f64());
                }
            }
        }
        let work = plan.work(&case.sizes, &values);
        let flops: f64 = work.iter().map(|step| step.flops).sum();
        Ok(Some(Timed {
            summary: Summary::of(&samples),
            clock: first.clock,
            flops: (flops > 0.0).then_some(flops),
            bytes: work.iter().map(|step| step.bytes).sum(),
            reference: Summary::of(&reference).least,
        }))
    }

    fn is_wanted(&self, candidate: &Candidate) -> bool {
        let mut only = self.only.iter();
        self.only.is_empty() || only.any(|name| candidate.variant().is_called(name))
    }
}

impl Subject {
    /// Whether a kernel computes this rightly here, on few rows: found out once, whatever the number of tokens.
    ///
    /// # Errors
    /// If the device was lost.
    pub(super) fn is_right(&self, gpu: &Gpu, candidate: &Candidate) -> Result<bool> {
        let name = |it: &Candidate| (it.variant().kernel.name, it.describe());
        let key = name(candidate);
        if let Some(known) = self.right.borrow().get(&key) {
            return Ok(*known);
        }
        let small = (self.case)(&[VERIFIED])?;
        let outcomes = verify::check_where(gpu, &small, |it| name(it) == key)?;
        let right = outcomes.iter().all(|outcome| outcome.failure.is_none());
        self.right.borrow_mut().insert(key, right);
        Ok(right)
    }
}

/// `None` if the case does not fit the candidate.
pub(super) fn plan(
    gpu: &Gpu,
    candidate: &Candidate,
    case: &Case,
) -> Result<Option<wgformer::plan::Plan>> {
    match candidate.plan(gpu, case) {
        Ok(plan) => Ok(Some(plan)),
        Err(wgformer::Error::NoVariant { .. } | wgformer::Error::Limit { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a case came to on a candidate.
struct Timed {
    summary: Summary,
    clock: Clock,
    flops: Option<f64>,
    bytes: f64,
    /// The least that the reference took meanwhile, in seconds.
    reference: f64,
}

/// Williams and others, 2009: no more than the arithmetic there is, nor than what memory brings for it.
fn roof_share(device: &Device, candidate: &Candidate, timed: &Timed) -> f64 {
    let (bandwidth, seconds) = (device.bandwidth(), timed.summary.median);
    let Some(flops) = timed.flops else {
        return timed.bytes / seconds / bandwidth;
    };
    let peak = match candidate.variant().kernel.cooperative_matrix {
        Some(8) => device.peak(Kind::Cooperative8),
        Some(_) => device.peak(Kind::Cooperative16),
        None => None,
    };
    let peak = peak.unwrap_or_else(|| device.peak_f32());
    flops / seconds / peak.min(flops / timed.bytes * bandwidth)
}
