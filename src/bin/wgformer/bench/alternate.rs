//! Two adapters, or two kernels, measured in turns: what the machine does meanwhile, it does to both.

use std::ptr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::models::{Model, ModelOptions};
use wgformer::plan::Plan;
use wgformer::tensor::WeightType;
use wgformer::tuning::Selection;
use wgformer::verify::{self, Candidate, Case};

use super::pace::{Pace, fits, left};
use super::subject::{Key, Subject, key};
use super::summary::{Repeats, Summary};
use super::{kernels, model};
use crate::model_args::{DType, value_name};
use crate::tuned::NamedVariant;

/// One side and the other, on everything that both can run.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Alternation {
    /// What they are: adapters, or kernels.
    pub(crate) sides: [String; 2],
    pub(crate) ratios: Vec<Ratio>,
    /// What one of the sides does not run, and why.
    pub(crate) skipped: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Ratio {
    pub(crate) what: String,
    /// What each side ran, where that is a kernel.
    #[serde(default)]
    pub(crate) kernels: Option<[String; 2]>,
    /// About how many a kernel ran on.
    #[serde(default)]
    pub(crate) tokens: Option<usize>,
    /// Of each side, in seconds.
    pub(crate) times: [Summary; 2],
    /// The other side's time over that of the one right before it: below 1, the other is faster. Not in seconds.
    pub(crate) ratio: Summary,
}

/// `--variant OPERATION=A,B`
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) variants: [String; 2],
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        let parts = || {
            let (operation, variants) = argument.split_once('=')?;
            let (one, other) = variants.split_once(',')?;
            Some([one, other].map(|variant| format!("{operation}={}", variant.trim())))
        };
        let [one, other] =
            parts().ok_or("it is no OPERATION=A,B, such as matmul=linear_small,linear_tile")?;
        let named = |argument: String| Ok::<_, String>(NamedVariant::from_str(&argument)?.variant);
        let variants = [named(one)?, named(other)?];
        Ok(Self { variants })
    }
}

/// A side's kernels: on an adapter, those of a name, or what the adapter would run by itself.
struct Side<'a> {
    gpu: &'a Gpu,
    called: Option<&'a str>,
}

/// Two adapters, each with its own choice of kernels, alone on sizes and then within models, for which half of the time is
/// kept; and for what there was no time until `until`.
///
/// # Errors
/// Those of loading, and if a device was lost.
pub(crate) fn adapters(
    gpus: [&Gpu; 2],
    kernels: &kernels::Plan,
    models: &model::Plan,
    until: Instant,
    mut told: impl FnMut(),
) -> Result<(Alternation, Vec<String>)> {
    let mut alternation = Alternation::of(gpus.map(|gpu| gpu.capabilities().to_string()));
    let sides = gpus.map(|gpu| Side { gpu, called: None });
    let half = Instant::now() + left(until) / 2;
    let mut left_out =
        alternation.measure_kernels(&sides, kernels, models.repeats, half, &mut told)?;
    let load = |side: usize, subject: &model::ModelOrigin, dtype: DType| {
        let options = ModelOptions::default().weight_type(dtype.into());
        subject.load(gpus[side], &options)
    };
    left_out.extend(alternation.measure_models(models, until, told, load, |_, _| true)?);
    Ok((alternation, left_out))
}

/// Two kernels on one adapter, alone on sizes and then within models, for which half of the time is kept.
///
/// # Errors
/// If no size can run on both; those of loading, and if the device was lost.
pub(crate) fn variants(
    gpu: &Gpu,
    pair: &Pair,
    kernels: &kernels::Plan,
    models: &model::Plan,
    until: Instant,
    mut told: impl FnMut(),
) -> Result<(Alternation, Vec<String>)> {
    let mut alternation = Alternation::of(pair.variants.clone());
    let sides = pair.variants.each_ref().map(|name| Side {
        gpu,
        called: Some(name),
    });
    let half = Instant::now() + left(until) / 2;
    let mut left_out =
        alternation.measure_kernels(&sides, kernels, models.repeats, half, &mut told)?;
    let load = |side: usize, subject: &model::ModelOrigin, dtype: DType| {
        let named = [&pair.variants[side]].into_iter();
        let options = ModelOptions::default()
            .weight_type(dtype.into())
            .selection(Selection::default().named(named));
        subject.load(gpu, &options)
    };
    let runs = |side: usize, model: &Model| {
        let plan = model.plan();
        let mut variants = plan.variants(plan.capacity());
        variants.any(|variant| variant.is_called(&pair.variants[side]))
    };
    left_out.extend(alternation.measure_models(models, until, told, load, runs)?);
    if alternation.ratios.is_empty() && left_out.is_empty() {
        let [one, other] = &pair.variants;
        return Err(anyhow!(
            "there is nothing that both {one} and {other} can run on {} with weights of one type",
            gpu.capabilities()
        ));
    }
    Ok((alternation, left_out))
}

impl Ratio {
    /// What was measured, and on what kernels.
    pub(crate) fn title(&self) -> String {
        match &self.kernels {
            None => self.what.clone(),
            Some([one, other]) if one == other => format!("{} on {one}", self.what),
            Some([one, other]) => format!("{} on {one} and {other}", self.what),
        }
    }
}

impl Alternation {
    fn of(sides: [String; 2]) -> Self {
        Self {
            sides,
            ratios: vec![],
            skipped: vec![],
        }
    }

    fn measure_kernels(
        &mut self,
        sides: &[Side<'_>; 2],
        plan: &kernels::Plan,
        repeats: Repeats,
        until: Instant,
        told: &mut impl FnMut(),
    ) -> Result<Vec<String>> {
        let able = able(&plan.subjects, sides)?;
        let sizes = plan.sizes();
        let sizes = sizes.filter(|(_, subject)| able.iter().any(|it| ptr::eq(*it, *subject)));
        let (mut left_out, mut past) = (vec![], Past::default());
        for (tokens, subject) in sizes {
            let size = Size {
                subject,
                tokens,
                repeats,
                until,
            };
            if !self.measure_size(sides, &size, &mut past, told)? {
                left_out.push(subject.left_out(tokens));
            }
        }
        Ok(left_out)
    }

    /// With each type of weights for which there are both; whether there was time for all of them.
    fn measure_size(
        &mut self,
        sides: &[Side<'_>; 2],
        size: &Size<'_>,
        past: &mut Past,
        told: &mut impl FnMut(),
    ) -> Result<bool> {
        let Size { subject, .. } = size;
        let (numbers, start) = (subject.numbers(size.tokens), Instant::now());
        let making = past.making.expect(&(), numbers).unwrap_or_default();
        if !fits(making, size.until) {
            return Ok(false);
        }
        let case = (subject.case)(&subject.shape.lengths(size.tokens))?;
        past.making.saw((), numbers, start.elapsed());
        let mut in_time = true;
        for weight_type in WeightType::ALL {
            let candidates = sides.each_ref().map(|it| it.candidate(&case, weight_type));
            let [Some(one), Some(other)] = candidates else {
                continue;
            };
            let shape = value_name(&subject.shape);
            let what = format!("{shape}: {}, {weight_type}", case.name);
            let candidates = [one, other];
            match size.in_turns(sides, &case, &candidates, past)? {
                Outcome::Timed(turns) => {
                    let ratio = turns.called(what);
                    let kernels = candidates.map(|it| it.variant().to_string());
                    self.ratios.push(Ratio {
                        kernels: Some(kernels),
                        tokens: Some(size.tokens),
                        ..ratio
                    });
                }
                Outcome::Impossible(why) => self.skipped.push(format!("{what}: {why}")),
                Outcome::OutOfTime => in_time = false,
            }
            told();
        }
        Ok(in_time)
    }

    /// What each side took, by a name that is the same in every run.
    pub(crate) fn times(&self) -> impl Iterator<Item = (String, Summary)> {
        self.ratios.iter().flat_map(|ratio| {
            let sides = self.sides.iter().zip(ratio.times);
            sides.map(|(side, time)| (format!("{} of {side}", ratio.what), time))
        })
    }

    /// Whole models: `load` makes one for a side, and `runs` says whether it is what that side is about.
    fn measure_models(
        &mut self,
        plan: &model::Plan,
        until: Instant,
        mut told: impl FnMut(),
        load: impl Fn(usize, &model::ModelOrigin, DType) -> Result<Model>,
        runs: impl Fn(usize, &Model) -> bool,
    ) -> Result<Vec<String>> {
        let mut left_out = vec![];
        for subject in &plan.subjects {
            let mut loading = Duration::ZERO;
            for dtype in &plan.dtypes {
                if !fits(loading, until) {
                    left_out.extend(model::describe(subject, *dtype, &plan.sizes));
                    continue;
                }
                let start = Instant::now();
                let models = [load(0, subject, *dtype)?, load(1, subject, *dtype)?];
                loading = start.elapsed();
                let name = format!("{}, {}", subject.name(), value_name(dtype));
                if let Some(side) = (0..2).find(|side| !runs(*side, &models[*side])) {
                    let skipped = format!("{name}: no step runs {}", self.sides[side]);
                    self.skipped.push(skipped);
                    continue;
                }
                let others = self.measure_model(plan, &name, &models, until, &mut told)?;
                left_out.extend(model::describe(subject, *dtype, &others));
            }
        }
        Ok(left_out)
    }

    /// A model of both sides on each size that ends in time; and the other sizes.
    fn measure_model(
        &mut self,
        plan: &model::Plan,
        name: &str,
        models: &[Model; 2],
        until: Instant,
        told: &mut impl FnMut(),
    ) -> Result<Vec<[usize; 2]>> {
        let (mut others, mut pace) = (vec![], Pace::default());
        for size in &plan.sizes {
            let [texts, tokens] = *size;
            if models.iter().any(|model| tokens > model.max_tokens()) {
                continue;
            }
            let work = (texts * tokens) as f64;
            let both = pace.expect(&(), work).unwrap_or_default();
            if !fits(plan.repeats.cost(both), until) {
                others.push(*size);
                continue;
            }
            let batches = models.each_ref().map(|it| model::batches(it, *size));
            let time = |side: usize| model::run(&models[side], &batches[side]);
            let turns = in_turns(plan.repeats.until(until), || time(0), || time(1))?;
            let turns = turns.called(format!("{name}: {texts} x {tokens} tokens"));
            let both: f64 = turns.times.iter().map(|time| time.median).sum();
            pace.saw((), work, Duration::from_secs_f64(both));
            self.ratios.push(turns);
            told();
        }
        Ok(others)
    }
}

/// Runs of a kernel that are timed together, so that starting them does not count.
const TOGETHER: usize = 3;

/// Those of which there are both sides, with weights of one type at least.
fn able<'a>(subjects: &'a [Subject], sides: &[Side<'_>; 2]) -> Result<Vec<&'a Subject>> {
    let mut able = vec![];
    for subject in subjects {
        let few = (subject.case)(&[1])?;
        if Side::are_both(sides, &few) {
            able.push(subject);
        }
    }
    Ok(able)
}

impl Side<'_> {
    /// Its kernel for a case, if it has one.
    fn candidate(&self, case: &Case, weight_type: WeightType) -> Option<Candidate> {
        let Some(name) = self.called else {
            return kernels::own(self.gpu, case, weight_type);
        };
        let mut candidates = verify::candidates(self.gpu, case).into_iter();
        candidates.find(|it| it.weight_type() == weight_type && it.variant().is_called(name))
    }

    /// What an adapter runs by itself is always there.
    fn are_both(sides: &[Self; 2], case: &Case) -> bool {
        let has = |side: &Self, weight_type| {
            side.called.is_none() || side.candidate(case, weight_type).is_some()
        };
        let mut types = WeightType::ALL.into_iter();
        types.any(|it| sides.iter().all(|side| has(side, it)))
    }
}

/// What was seen to take how long.
#[derive(Default)]
struct Past {
    /// A case, by its numbers.
    making: Pace<()>,
    /// A sample of both sides' kernels for an operation, by their work.
    running: Pace<(&'static str, [Key; 2])>,
}

/// What both sides run on.
struct Size<'a> {
    subject: &'a Subject,
    tokens: usize,
    repeats: Repeats,
    /// When all that is begun on it should be done.
    until: Instant,
}

/// What came of two kernels on a size.
enum Outcome {
    Timed(Turns),
    /// Why not.
    Impossible(String),
    OutOfTime,
}

impl Size<'_> {
    fn in_turns(
        &self,
        sides: &[Side<'_>; 2],
        case: &Case,
        candidates: &[Candidate; 2],
        past: &mut Past,
    ) -> Result<Outcome> {
        let work = self.subject.work(self.tokens);
        let pair = (case.operation, candidates.each_ref().map(key));
        let known = past.running.expect(&pair, work);
        if !self.has_time(known.unwrap_or_default()) {
            return Ok(Outcome::OutOfTime);
        }
        let [one, other] = match self.plans(sides, case, candidates)? {
            Ok(plans) => plans,
            Err(why) => return Ok(Outcome::Impossible(why)),
        };
        // Nobody knows how slow they are.
        if known.is_none() {
            let once = self.once(case, [&one, &other])?;
            past.running.saw(pair.clone(), work, once);
            if !self.has_time(once) {
                return Ok(Outcome::OutOfTime);
            }
        }
        let values = case.values();
        let time = |plan: &Plan| -> Result<Duration> {
            let times = plan.time(&case.sizes, &values, TOGETHER)?;
            let sum: Duration = times.samples.iter().sum();
            Ok(sum / times.samples.len() as u32)
        };
        let start = Instant::now();
        let repeats = self.repeats.until(self.until);
        let turns = in_turns(repeats, || time(&one), || time(&other))?;
        let warm_up = 1;
        let each = start.elapsed() / (turns.0.len() as u32 + warm_up);
        past.running.saw(pair, work, each);
        Ok(Outcome::Timed(turns))
    }

    /// For samples that take `each` with both sides.
    fn has_time(&self, each: Duration) -> bool {
        fits(self.repeats.cost(each), self.until)
    }

    /// Both, verified and compiled; or why not.
    fn plans(
        &self,
        sides: &[Side<'_>; 2],
        case: &Case,
        candidates: &[Candidate; 2],
    ) -> Result<Result<[Plan; 2], String>> {
        for (side, candidate) in sides.iter().zip(candidates) {
            if !self.subject.is_right(side.gpu, candidate)? {
                let (variant, adapter) = (candidate.variant(), side.gpu.capabilities());
                return Ok(Err(format!("{variant} computes wrongly on {adapter}")));
            }
        }
        let plan = |side: usize| kernels::plan(sides[side].gpu, &candidates[side], case);
        match (plan(0)?, plan(1)?) {
            (Some(one), Some(other)) => Ok(Ok([one, other])),
            _ => Ok(Err("too large for one of the two".to_owned())),
        }
    }

    /// How long a sample of both will take, by one run of each; no shorter than until the time is over, if that ends them.
    fn once(&self, case: &Case, plans: [&Plan; 2]) -> Result<Duration> {
        let start = Instant::now();
        for plan in plans {
            if !kernels::is_run_in_time(plan, case, self.until)? {
                break;
            }
        }
        // Each sample has a run before those that are timed.
        Ok(start.elapsed() * (TOGETHER as u32 + 1))
    }
}

/// What one and the other took, pair by pair, in seconds.
struct Turns(Vec<[f64; 2]>);

/// One, the other, one, the other: the first of both for warming up.
fn in_turns(
    repeats: Repeats,
    mut one: impl FnMut() -> Result<Duration>,
    mut other: impl FnMut() -> Result<Duration>,
) -> Result<Turns> {
    one()?;
    other()?;
    let (mut pairs, start) = (vec![], Instant::now());
    while repeats.goes_on(pairs.len(), start) {
        pairs.push([one()?, other()?].map(|time| time.as_secs_f64()));
    }
    Ok(Turns(pairs))
}

impl Turns {
    fn called(self, what: String) -> Ratio {
        let summary = |of: fn(&[f64; 2]) -> f64| {
            let values: Vec<f64> = self.0.iter().map(of).collect();
            Summary::of(&values)
        };
        Ratio {
            what,
            kernels: None,
            tokens: None,
            times: [summary(|pair| pair[0]), summary(|pair| pair[1])],
            ratio: summary(|pair| pair[1] / pair[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_compared_with_the_one_right_before_it() {
        let repeats = Repeats {
            budget: Duration::ZERO,
            least: 3,
            most: 3,
        };
        // A machine that becomes slower and slower: the other side takes twice as long as the one all the same.
        let clock = std::cell::Cell::new(0);
        let one = || {
            clock.set(clock.get() + 1);
            Ok(Duration::from_secs(clock.get()))
        };
        let other = || Ok(Duration::from_secs(2 * clock.get()));
        let turns = in_turns(repeats, one, other).unwrap();
        let ratio = turns.called("all".to_owned());
        assert_eq!((ratio.ratio.median, ratio.ratio.spread), (2.0, 0.0));
        assert_eq!(ratio.times.map(|time| time.median), [3.0, 6.0]);
    }

    #[test]
    fn a_pair_is_two_kernels_of_an_operation() {
        let pair: Pair = "matmul=linear_small,linear_tile 64x64".parse().unwrap();
        assert_eq!(pair.variants, ["linear_small", "linear_tile 64x64"]);
        for wrong in [
            "matmul",
            "matmul=linear",
            "matmul=linear,softmax",
            "sum=a,b",
        ] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }
}
