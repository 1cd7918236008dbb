//! Every kernel that runs here, on the shapes of encoders: verified, then timed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::kernel::Variant;
use wgformer::plan::PlanOptions;
use wgformer::tensor::WeightType;
use wgformer::verify::cases::{self, LAYER};
use wgformer::verify::{self, Candidate, Case, Values};

use super::device::Device;
use super::reference::Baseline;
use super::sampled::{About, Sampled, Timed, is_product};
use super::samples::Summary;
use super::shapes::{HEAD_DIMS, HEADS, Shape, Sizes};

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
    /// How many times as fast it is as what it is compared with, of each the best, which other work on the machine changes
    /// least: a matrix product's arithmetic a second over the textbook's, which was timed in turns with it; otherwise the
    /// time of the operation's plain kernel, the one that has its name, over its own.
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
    /// Whether only those that run on this adapter by themselves are wanted, and what they are compared with.
    pub(crate) own: bool,
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
const MOST: usize = 400;

/// In so many rounds at most, between which the reference is timed: so both meet the same load, and by the host's clock,
/// which tells the mean of a round, there is a spread.
const ROUNDS: usize = 8;

/// Of the reference, after each round.
const REFERENCES: usize = 1;

/// Everything is timed once more from the beginning, so often at most, as long as there is time: what disturbs a machine
/// for a second or two then falls on some of a kernel's samples, not on all of them.
const SWEEPS: usize = 5;

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
    let subject = |case: Recipe| Subject {
        shape,
        case,
        right: RefCell::default(),
    };
    match shape.sizes() {
        Some(sizes) => (0..LAYER)
            .map(|place| subject(of_layer(sizes, place)))
            .collect(),
        None => HEAD_DIMS.map(|it| subject(attention(it))).into(),
    }
}

fn of_layer(sizes: Sizes, place: usize) -> Recipe {
    let (hidden, heads, intermediate) = (sizes.hidden, sizes.heads, sizes.intermediate);
    Box::new(move |lengths| cases::of_layer(lengths, hidden, heads, intermediate)[place]())
}

fn attention(head_dim: usize) -> Recipe {
    Box::new(move |lengths| cases::attention(lengths, HEADS, head_dim, 1.0, Values::Unit))
}

impl Plan {
    /// How many sizes there are.
    pub(crate) fn len(&self) -> usize {
        self.sizes(&self.subjects()).count()
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

    /// On devices that `open` gives, one for each sweep; `baseline`: only what it computes. `told` hears of every size when
    /// it is done.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(
        &self,
        open: impl Fn() -> Result<Gpu>,
        device: &Device,
        baseline: &Baseline,
        mut told: impl FnMut(),
    ) -> Result<Measured> {
        let subjects = self.subjects();
        let (until, share) = (Instant::now() + self.budget, self.budget / SHARES);
        let mut sampled = Sampled::default();
        for sweep in 0..SWEEPS {
            // On a device of its own: some drivers make faster code of a kernel one time than another.
            let gpu = open()?;
            let own_baseline = Baseline::new(&gpu)?;
            // All sizes come before all variants.
            let own = self.own || sweep == 0;
            for (tokens, subject) in self.sizes(&subjects) {
                let until = until.min(Instant::now() + share);
                let size = (subject, tokens, own);
                self.sample(&gpu, (&own_baseline, until), size, &mut sampled)?;
                if sweep == 0 {
                    told();
                }
            }
        }
        let mut wrong = vec![];
        for subject in &subjects {
            let name = (subject.case)(&[VERIFIED])?.name;
            let right = subject.right.borrow();
            let those = right.iter().filter(|(_, right)| !**right);
            wrong.extend(those.map(|((kernel, variant), _)| format!("{kernel} {variant}, {name}")));
        }
        Ok(Measured {
            kernels: sampled.kernels(device, baseline),
            left: sampled.left.len(),
            wrong,
        })
    }

    /// The most telling numbers of tokens first, with each operation.
    pub(super) fn sizes<'a>(
        &self,
        subjects: &'a [Subject],
    ) -> impl Iterator<Item = (usize, &'a Subject)> {
        let of_tokens = |tokens: &usize| {
            let tokens = *tokens;
            subjects.iter().map(move |subject| (tokens, subject))
        };
        let sizes = self.tokens.iter().flat_map(of_tokens);
        sizes.filter(|(tokens, subject)| !subject.shape.lengths(*tokens).is_empty())
    }

    /// Adds to the samples of each kernel on this size.
    fn sample(
        &self,
        gpu: &Gpu,
        (baseline, until): (&Baseline, Instant),
        (subject, tokens, own): (&Subject, usize, bool),
        sampled: &mut Sampled,
    ) -> Result<()> {
        let case = (subject.case)(&subject.shape.lengths(tokens))?;
        let mut best = f64::INFINITY;
        for candidate in self.candidates(gpu, &case, own) {
            let about = About::new(subject, &case, tokens, &candidate);
            if Instant::now() >= until {
                sampled.skip(about);
                continue;
            }
            if !subject.is_right(gpu, &candidate)? {
                continue;
            }
            if let Some(timed) = self.time(gpu, &candidate, &case, baseline, best)? {
                best = best.min(Summary::of(&timed.times).median);
                sampled.add(about, timed);
            }
        }
        Ok(())
    }

    /// Those that are to be timed, this adapter's best first; `own`: only what it would run by itself, for each type of
    /// weights, and the operation's plain kernel.
    fn candidates(&self, gpu: &Gpu, case: &Case, own: bool) -> Vec<Candidate> {
        let mut candidates = verify::candidates(gpu, case);
        candidates.retain(|it| self.is_wanted(it));
        if own && self.only.is_empty() {
            let chosen = WeightType::ALL.map(|it| chosen(gpu, case, it));
            let mut plain = BTreeSet::new();
            candidates.retain(|it| {
                let (variant, weights) = (it.variant(), it.weight_type());
                let is_same = |(of, own): &(WeightType, Variant)| {
                    let (kernel, constants) = (own.kernel.name, &own.constants);
                    *of == weights
                        && (kernel, constants) == (variant.kernel.name, &variant.constants)
                };
                let is_plain = variant.kernel.name == case.operation && !is_product(case.operation);
                chosen.iter().flatten().any(is_same)
                    || (is_plain && plain.insert(weights.to_string()))
            });
        }
        candidates
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
        let (mut times, mut reference) = (vec![], vec![baseline.time()?.as_secs_f64()]);
        if once > HOPELESS * best {
            times.push(once);
        } else {
            let repeats = self.longest.as_secs_f64() / once.max(1e-9);
            let repeats = (repeats as usize).clamp(LEAST, MOST);
            let rounds = repeats.min(ROUNDS);
            for _ in 0..rounds {
                let round = plan.time(&case.sizes, &values, repeats / rounds)?;
                times.extend(round.samples.iter().map(Duration::as_secs_f64));
                for _ in 0..REFERENCES {
                    reference.push(baseline.time()?.as_secs_f64());
                }
            }
        }
        let work = plan.work(&case.sizes, &values);
        Ok(Some(Timed {
            times,
            reference,
            clock: first.clock,
            flops: work.iter().map(|step| step.flops).sum(),
            bytes: work.iter().map(|step| step.bytes).sum(),
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

/// What this adapter runs a case on by itself.
fn chosen(gpu: &Gpu, case: &Case, weight_type: WeightType) -> Option<(WeightType, Variant)> {
    let options = PlanOptions::new(case.sizes).weight_type(weight_type);
    let weights = Arc::clone(&case.weights) as _;
    let plan = wgformer::plan::Plan::compile(gpu, &case.graph, weights, &options).ok()?;
    let variant = plan.variants(&case.sizes).last()?.clone();
    Some((weight_type, variant))
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
