//! Two adapters, or two kernels, measured in turns: what the machine does meanwhile, it does to both.

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
use super::samples::{Repeats, Summary};
use super::subject::Subject;
use super::{kernels, model};
use crate::model_args::{DType, value_name};
use crate::tuned::Named;

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
        let named = |argument: String| Ok::<_, String>(Named::from_str(&argument)?.variant);
        let variants = [named(one)?, named(other)?];
        Ok(Self { variants })
    }
}

/// Two adapters, each with its own choice of kernels; and for which sizes there was no time until `until`.
///
/// # Errors
/// Those of loading, and if a device was lost.
pub(crate) fn adapters(
    gpus: [&Gpu; 2],
    models: &model::Plan,
    until: Instant,
    told: impl FnMut(),
) -> Result<(Alternation, Vec<String>)> {
    let mut alternation = Alternation::of(gpus.map(|gpu| gpu.capabilities().to_string()));
    let load = |side: usize, subject: &model::Subject, dtype: DType| {
        let options = ModelOptions::default().weight_type(dtype.into());
        subject.load(gpus[side], &options)
    };
    let left_out = alternation.measure_models(models, until, told, load, |_, _| true)?;
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
    let half = Instant::now() + left(until) / 2;
    let mut left_out =
        alternation.measure_kernels(gpu, pair, kernels, models.repeats, half, &mut told)?;
    let load = |side: usize, subject: &model::Subject, dtype: DType| {
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
        gpu: &Gpu,
        pair: &Pair,
        plan: &kernels::Plan,
        repeats: Repeats,
        until: Instant,
        told: &mut impl FnMut(),
    ) -> Result<Vec<String>> {
        let (mut left_out, mut pace) = (vec![], Pace::default());
        for (tokens, subject) in plan.sizes() {
            let (work, start) = (subject.work(tokens), Instant::now());
            let cost = pace.expect(&(), work);
            if fits(cost.unwrap_or_default(), until) {
                let repeats = repeats.until(until);
                self.measure_size(gpu, pair, subject, tokens, repeats)?;
                pace.saw((), work, start.elapsed());
            } else {
                let shape = value_name(&subject.shape);
                left_out.push(format!("{shape}: {} of {tokens} tokens", subject.operation));
            }
            told();
        }
        Ok(left_out)
    }

    /// With each type of weights for which there are both.
    fn measure_size(
        &mut self,
        gpu: &Gpu,
        pair: &Pair,
        subject: &Subject,
        tokens: usize,
        repeats: Repeats,
    ) -> Result<()> {
        let case = (subject.case)(&subject.shape.lengths(tokens))?;
        let candidates = verify::candidates(gpu, &case);
        for weight_type in WeightType::ALL {
            let called = |name: &String| {
                let mut own = candidates.iter();
                own.find(|it| it.weight_type() == weight_type && it.variant().is_called(name))
            };
            let [Some(one), Some(other)] = pair.variants.each_ref().map(called) else {
                continue;
            };
            let shape = value_name(&subject.shape);
            let what = format!("{shape} {}, {weight_type}", case.name);
            let in_turns = kernels_in_turns(gpu, subject, &case, [one, other], repeats)?;
            match in_turns {
                Ok(turns) => self.ratios.push(turns.called(what)),
                Err(why) => self.skipped.push(format!("{what}: {why}")),
            }
        }
        Ok(())
    }

    /// Whole models: `load` makes one for a side, and `runs` says whether it is what that side is about.
    fn measure_models(
        &mut self,
        plan: &model::Plan,
        until: Instant,
        mut told: impl FnMut(),
        load: impl Fn(usize, &model::Subject, DType) -> Result<Model>,
        runs: impl Fn(usize, &Model) -> bool,
    ) -> Result<Vec<String>> {
        let mut left_out = vec![];
        for subject in &plan.subjects {
            let mut loading = Duration::ZERO;
            for dtype in &plan.dtypes {
                told();
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
                let vocabulary = subject.vocabulary()?;
                let others = self.measure_model(plan, &name, &models, vocabulary, until)?;
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
        vocabulary: usize,
        until: Instant,
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
            let batches = models
                .each_ref()
                .map(|it| model::batches(it, *size, vocabulary));
            let time = |side: usize| model::run(&models[side], &batches[side]);
            let turns = in_turns(plan.repeats.until(until), || time(0), || time(1))?;
            let turns = turns.called(format!("{name}: {texts} x {tokens} tokens"));
            let both: f64 = turns.times.iter().map(|time| time.median).sum();
            pace.saw((), work, Duration::from_secs_f64(both));
            self.ratios.push(turns);
        }
        Ok(others)
    }
}

/// Runs of a kernel that are timed together, so that starting them does not count.
const TOGETHER: usize = 3;

/// Two kernels on a size; or why not.
fn kernels_in_turns(
    gpu: &Gpu,
    subject: &Subject,
    case: &Case,
    candidates: [&Candidate; 2],
    repeats: Repeats,
) -> Result<Result<Turns, String>> {
    for candidate in candidates {
        if !subject.is_right(gpu, candidate)? {
            return Ok(Err(format!("{} computes wrongly", candidate.variant())));
        }
    }
    let [one, other] = candidates.map(|it| kernels::plan(gpu, it, case));
    let (Some(one), Some(other)) = (one?, other?) else {
        return Ok(Err("too large for one of the two".to_owned()));
    };
    let values = case.values();
    let time = |plan: &Plan| -> Result<Duration> {
        let times = plan.time(&case.sizes, &values, TOGETHER)?;
        let sum: Duration = times.samples.iter().sum();
        Ok(sum / times.samples.len() as u32)
    };
    in_turns(repeats, || time(&one), || time(&other)).map(Ok)
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
