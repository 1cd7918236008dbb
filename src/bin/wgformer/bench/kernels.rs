//! Every kernel that runs here, on the shapes of encoders: verified, then timed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::kernel::Variant;
use wgformer::plan::{Control, PlanOptions};
use wgformer::tensor::WeightType;
use wgformer::verify::{self, Candidate, Case};

use super::device::Device;
use super::pace::{Pace, fits, left};
use super::reference::Baseline;
use super::samples::{About, Sampled, Timed, is_product};
use super::subject::{Key, Subject, VERIFIED, key};
use super::summary::Summary;

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
    pub(crate) subjects: Vec<Subject>,
    pub(crate) tokens: Vec<usize>,
    /// A kernel is not timed for longer.
    pub(crate) longest: Duration,
    /// Only kernels, or kernels and tiles, of these names, if there are any.
    pub(crate) only: Vec<String>,
    /// Whether only those that run on this adapter by themselves are wanted, and what they are compared with.
    pub(crate) own: bool,
}

/// Kernels that were measured.
pub(crate) struct Measured {
    pub(crate) kernels: Vec<Kernel>,
    /// What there was no time for, a line for each shape.
    pub(crate) left_out: Vec<String>,
    /// Those that compute wrongly here, which are not timed.
    pub(crate) wrong: Vec<String>,
}

/// Runs of a kernel on a size.
const LEAST: usize = 3;
const MOST: usize = 400;

/// In so many rounds at most, between which the reference is timed: so both meet the same load, and by the host's clock,
/// which tells the mean of a round, there is a spread.
const ROUNDS: usize = 8;

/// Everything is timed once more from the beginning, so often at most, as long as there is time: what disturbs a machine
/// for a second or two then falls on some of a kernel's samples, not on all of them.
const SWEEPS: usize = 5;

/// No size has more than this share of the time: of the many kernels for others' adapters on a large one some may be left
/// out, since this adapter's own come first.
const SHARES: u32 = 8;

/// One that takes so many times as long as the best of its size is timed once: by how much it is slow matters to nobody.
const HOPELESS: f64 = 10.0;

/// All sizes in turn on a device of its own: some drivers make faster code of a kernel one time than another.
struct Sweep {
    gpu: Gpu,
    baseline: Baseline,
    /// Whether all sizes come before all variants.
    own: bool,
}

/// What was timed so far, and how long that took.
#[derive(Default)]
struct Past {
    sampled: Sampled,
    /// A case, by its numbers: until it is known which kernels run it.
    making: Pace<()>,
    /// A kernel on few rows, by their work.
    verifying: Pace<()>,
    /// A kernel until its first run is over, without that: the driver's compilation for the most part.
    starting: BTreeMap<Key, Duration>,
    /// A run of it, by its work.
    running: Pace<Key>,
}

/// What kernels are timed on.
struct Size<'a> {
    subject: &'a Subject,
    tokens: usize,
    case: Case,
    /// About how many multiplications and additions.
    work: f64,
    /// When all that is begun on it should be done.
    until: Instant,
}

/// What came of a kernel on a size.
enum Outcome {
    Timed(Timed),
    /// It computes wrongly, or the size does not fit it.
    Impossible,
    OutOfTime,
}

impl Plan {
    /// # Errors
    /// If a kernel was asked for that none of the sizes can run on here.
    pub(crate) fn check(&self, gpu: &Gpu) -> Result<()> {
        let mut names = BTreeSet::new();
        let mut candidates = vec![];
        for subject in &self.subjects {
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
                "{name:?} is no kernel, or kernel with a tile, that is measured on {}; these are: {}",
                gpu.capabilities(),
                names.into_iter().collect::<Vec<_>>().join(", ")
            )),
        }
    }

    /// On devices that `open` gives, one for each sweep; `baseline`: only what it computes. `told` hears of every kernel
    /// that is done.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(
        &self,
        open: impl Fn() -> Result<Gpu>,
        device: &Device,
        baseline: &Baseline,
        until: Instant,
        mut told: impl FnMut(),
    ) -> Result<Measured> {
        let share = left(until) / SHARES;
        let mut past = Past::default();
        let mut opening = Duration::ZERO;
        for number in 0..SWEEPS {
            if !fits(opening, until) {
                break;
            }
            let start = Instant::now();
            let gpu = open()?;
            let sweep = Sweep {
                baseline: Baseline::new(&gpu)?,
                gpu,
                own: self.own || number == 0,
            };
            opening = start.elapsed();
            for size in self.sizes() {
                let until = until.min(Instant::now() + share);
                self.sample(&sweep, size, until, &mut past, &mut told)?;
            }
        }
        Ok(Measured {
            kernels: past.sampled.kernels(device, baseline),
            left_out: past.sampled.left_out(self.sizes()),
            wrong: self.subjects.iter().flat_map(Subject::wrong).collect(),
        })
    }

    /// The most telling numbers of tokens first, with each operation.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (usize, &Subject)> {
        let of_tokens = |tokens: &usize| {
            let tokens = *tokens;
            self.subjects.iter().map(move |subject| (tokens, subject))
        };
        let sizes = self.tokens.iter().flat_map(of_tokens);
        sizes.filter(|(tokens, subject)| !subject.shape.lengths(*tokens).is_empty())
    }

    /// Adds to the samples of each kernel on this size, of those that are done by then.
    fn sample(
        &self,
        sweep: &Sweep,
        (tokens, subject): (usize, &Subject),
        until: Instant,
        past: &mut Past,
        told: &mut impl FnMut(),
    ) -> Result<()> {
        let (numbers, start) = (subject.numbers(tokens), Instant::now());
        let making = past.making.expect(&(), numbers);
        if !fits(making.unwrap_or_default(), until) {
            return Ok(());
        }
        past.sampled.begin(subject, tokens);
        let size = Size {
            subject,
            tokens,
            case: (subject.case)(&subject.shape.lengths(tokens))?,
            work: subject.work(tokens),
            until,
        };
        let (wanted, others) = self.candidates(&sweep.gpu, &size.case, sweep.own);
        past.making.saw((), numbers, start.elapsed());
        let mut best = f64::INFINITY;
        for candidate in wanted {
            let about = size.about(&candidate);
            match self.time(sweep, &size, &candidate, best, past)? {
                Outcome::Timed(timed) => {
                    best = best.min(Summary::of(&timed.times).median);
                    past.sampled.add(about, timed);
                }
                Outcome::Impossible => past.sampled.forget(&about),
                Outcome::OutOfTime => past.sampled.skip(about),
            }
            told();
        }
        if !self.own {
            let others = others.iter().map(|it| size.about(it));
            others.for_each(|about| past.sampled.skip(about));
        }
        Ok(())
    }

    /// Those that are to be timed, this adapter's best first, and those that are left for other sweeps; `own`: only what it
    /// would run by itself, for each type of weights, and the operation's plain kernel.
    fn candidates(&self, gpu: &Gpu, case: &Case, own: bool) -> (Vec<Candidate>, Vec<Candidate>) {
        let mut candidates = verify::candidates(gpu, case);
        candidates.retain(|it| self.is_wanted(it));
        if !own || !self.only.is_empty() {
            return (candidates, vec![]);
        }
        let chosen = WeightType::ALL.map(|it| chosen(gpu, case, it));
        let mut plain = BTreeSet::new();
        candidates.into_iter().partition(|it| {
            let (variant, weights) = (it.variant(), it.weight_type());
            let is_plain = variant.kernel.name == case.operation && !is_product(case.operation);
            chosen.iter().flatten().any(|own| is_same(own, it))
                || (is_plain && plain.insert(weights.to_string()))
        })
    }

    /// Verifies and times a kernel, if that is done in time; `best`: the time of the best of its size so far, in seconds.
    fn time(
        &self,
        sweep: &Sweep,
        size: &Size<'_>,
        candidate: &Candidate,
        best: f64,
        past: &mut Past,
    ) -> Result<Outcome> {
        if !fits(self.cost(sweep, size, candidate, past), size.until) {
            return Ok(Outcome::OutOfTime);
        }
        if !size.is_right(sweep, candidate, past)? {
            return Ok(Outcome::Impossible);
        }
        let start = Instant::now();
        let Some(plan) = plan(&sweep.gpu, candidate, &size.case)? else {
            return Ok(Outcome::Impossible);
        };
        let key = key(candidate);
        // Nobody knows how slow it is.
        let is_new = past.running.expect(&key, size.work).is_none();
        if is_new && !is_run_in_time(&plan, &size.case, size.until)? {
            past.running.saw(key, size.work, start.elapsed());
            return Ok(Outcome::OutOfTime);
        }
        let values = size.case.values();
        let first = plan.time(&size.case.sizes, &values, 1)?;
        let starting = start.elapsed().saturating_sub(2 * first.best());
        past.starting.insert(key.clone(), starting);
        past.running.saw(key, size.work, first.best());
        let work = plan.work(&size.case.sizes, &values);
        let (times, reference) = self.rounds(sweep, size, &plan, first.best(), best)?;
        Ok(Outcome::Timed(Timed {
            times,
            reference,
            clock: first.clock,
            flops: work.iter().map(|step| step.flops).sum(),
            bytes: work.iter().map(|step| step.bytes).sum(),
        }))
    }

    /// How long a kernel will take, from its verification to the last of its samples, as far as it was seen.
    fn cost(&self, sweep: &Sweep, size: &Size<'_>, candidate: &Candidate, past: &Past) -> Duration {
        let key = key(candidate);
        let verifying = match size.subject.known(&sweep.gpu, candidate) {
            Some(_) => None,
            None => past.verifying.expect(&(), size.subject.work(VERIFIED)),
        };
        let starting = past.starting.get(&key).copied();
        let run = past.running.expect(&key, size.work).unwrap_or_default();
        // The first run has another before it, and so has each round, of at least one.
        let sampling = 2 * self.longest.max(LEAST as u32 * run);
        verifying.unwrap_or_default() + starting.unwrap_or_default() + 2 * run + sampling
    }

    /// Samples of a kernel that took `once`, and of the reference between them, in seconds.
    fn rounds(
        &self,
        sweep: &Sweep,
        size: &Size<'_>,
        plan: &wgformer::plan::Plan,
        once: Duration,
        best: f64,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let baseline = || Ok::<_, anyhow::Error>(sweep.baseline.time()?.as_secs_f64());
        let (mut times, mut reference) = (vec![], vec![baseline()?]);
        let seconds = once.as_secs_f64();
        let repeats = self.longest.as_secs_f64() / seconds.max(1e-9);
        let repeats = (repeats as usize).clamp(LEAST, MOST);
        let rounds = match seconds > HOPELESS * best {
            true => 0,
            false => repeats.min(ROUNDS),
        };
        for _ in 0..rounds {
            let each = repeats / rounds;
            if !fits((1 + each as u32) * once, size.until) {
                break;
            }
            let round = plan.time(&size.case.sizes, &size.case.values(), each)?;
            times.extend(round.samples.iter().map(Duration::as_secs_f64));
            reference.push(baseline()?);
        }
        if times.is_empty() {
            times.push(seconds);
        }
        Ok((times, reference))
    }

    fn is_wanted(&self, candidate: &Candidate) -> bool {
        let mut only = self.only.iter();
        self.only.is_empty() || only.any(|name| candidate.variant().is_called(name))
    }
}

impl Size<'_> {
    fn about(&self, candidate: &Candidate) -> About {
        About::new(self.subject, &self.case, self.tokens, candidate)
    }

    fn is_right(&self, sweep: &Sweep, candidate: &Candidate, past: &mut Past) -> Result<bool> {
        if let Some(known) = self.subject.known(&sweep.gpu, candidate) {
            return Ok(known);
        }
        let start = Instant::now();
        let right = self.subject.is_right(&sweep.gpu, candidate)?;
        let work = self.subject.work(VERIFIED);
        past.verifying.saw((), work, start.elapsed());
        Ok(right)
    }
}

/// Whether one run is over before the time is.
///
/// # Errors
/// If the device was lost.
pub(super) fn is_run_in_time(
    plan: &wgformer::plan::Plan,
    case: &Case,
    until: Instant,
) -> Result<bool> {
    let control = Control::new().deadline(until);
    match plan.run_with(&case.sizes, &case.values(), control) {
        Ok(_) => Ok(true),
        Err(wgformer::Error::Deadline { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The candidate that an adapter runs a case on by itself, with weights of a type.
pub(super) fn own(gpu: &Gpu, case: &Case, weight_type: WeightType) -> Option<Candidate> {
    let chosen = chosen(gpu, case, weight_type)?;
    let mut candidates = verify::candidates(gpu, case).into_iter();
    candidates.find(|it| is_same(&chosen, it))
}

fn is_same((weights, own): &(WeightType, Variant), candidate: &Candidate) -> bool {
    let variant = candidate.variant();
    let (kernel, constants) = (own.kernel.name, &own.constants);
    *weights == candidate.weight_type()
        && (kernel, constants) == (variant.kernel.name, &variant.constants)
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
