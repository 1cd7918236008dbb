//! A whole encoder, from token ids to a vector per text: how soon it is there, how long it takes, what memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::models::{self, Batch, Config, Head, ModelOptions, Network, SentenceTransformer};
use wgformer::ops::Pooling;
use wgformer::verify::Random;

use super::SEED;
use super::pace::{Pace, fits, left};
use super::shapes::Shape;
use super::summary::{Repeats, Summary, quantile, sorted};
use crate::adapter::AdapterArgs;
use crate::locate::locate;
use crate::model_args::{DType, value_name};

/// A model with weights of one type.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Model {
    /// A shape's name, or what `--model` named.
    pub(crate) model: String,
    /// Whether its weights are random numbers, made while it is loaded.
    pub(crate) synthetic: bool,
    /// As `--dtype` has it.
    pub(crate) dtype: String,
    /// The adapter opened, every kernel compiled and every weight uploaded, in seconds; by drivers that keep what they
    /// compiled, it may be compiled already.
    pub(crate) cold_load: f64,
    /// The model loaded once more on that device, in seconds.
    pub(crate) warm_load: f64,
    /// One text, right after the first load, in seconds.
    pub(crate) first_run: f64,
    pub(crate) memory: Memory,
    pub(crate) runs: Vec<Run>,
}

/// Of a device, in bytes.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Memory {
    pub(crate) weights: u64,
    /// What the steps of one run read and write.
    pub(crate) activations: u64,
    /// What brings its inputs there and its result back.
    pub(crate) staging: u64,
}

/// Texts at once, all of one length, in as many batches as the model makes of them.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    pub(crate) texts: usize,
    /// Of each.
    pub(crate) tokens: usize,
    /// Until all have their vectors on the host, in seconds.
    pub(crate) time: Summary,
    pub(crate) p50: f64,
    /// Percentiles of that time, of as many runs as make one of them slower.
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) texts_per_second: f64,
    pub(crate) tokens_per_second: f64,
}

/// What is measured.
pub(crate) struct Plan {
    pub(crate) subjects: Vec<ModelOrigin>,
    pub(crate) dtypes: Vec<DType>,
    /// Texts, and the tokens of each.
    pub(crate) sizes: Vec<[usize; 2]>,
    pub(crate) repeats: Repeats,
}

/// A folder with a model, or a shape for which weights are made.
pub(crate) enum ModelOrigin {
    Folder { name: String, path: PathBuf },
    Shape(Shape),
}

impl ModelOrigin {
    /// What `--model` names, else the encoders of texts among the shapes.
    ///
    /// # Errors
    /// If there is no such model.
    pub(crate) fn all(model: Option<&str>, shapes: &[Shape]) -> Result<Vec<Self>> {
        if let Some(name) = model {
            let (name, path) = (name.to_owned(), locate(name)?);
            return Ok(vec![Self::Folder { name, path }]);
        }
        let of_texts = shapes.iter().filter(|shape| shape.bert().is_some());
        Ok(of_texts.copied().map(Self::Shape).collect())
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder { name, .. } => name.clone(),
            Self::Shape(shape) => value_name(shape),
        }
    }

    /// # Errors
    /// Those of the folder, and of loading.
    pub(crate) fn load(&self, gpu: &Gpu, options: &ModelOptions) -> Result<models::Model> {
        match self {
            Self::Folder { path, .. } => {
                let own = SentenceTransformer::read(path)?;
                let head = match own.output {
                    models::Output::Vector | models::Output::Logits => {
                        own.head(own.pooling, own.normalize)
                    }
                    _ => Head::HiddenStates,
                };
                let most = own.max_tokens.unwrap_or(usize::MAX);
                let folder = &own.transformer;
                Ok(models::Model::load(gpu, folder, head, most, options)?)
            }
            Self::Shape(shape) => {
                let config = Config::from_json(&shape.bert().unwrap_or_default())?;
                let head = Head::Pooled {
                    pooling: Pooling::Mean,
                    normalize: true,
                };
                let network = Network::synthetic(&config, head, SEED)?;
                Ok(models::Model::of_network(
                    gpu,
                    network,
                    usize::MAX,
                    options,
                )?)
            }
        }
    }
}

impl Plan {
    /// How many models there are.
    pub(crate) fn len(&self) -> usize {
        self.subjects.len() * self.dtypes.len()
    }

    /// Models, and for which sizes there was no time until `until`; `told` hears of each of their sizes.
    ///
    /// # Errors
    /// Those of loading, and if the device was lost.
    pub(crate) fn measure(
        &self,
        adapter: &AdapterArgs,
        until: Instant,
        mut told: impl FnMut(),
    ) -> Result<(Vec<Model>, Vec<String>)> {
        let (mut models, mut left_out) = (vec![], vec![]);
        let mut ahead = self.len() as u32;
        for subject in &self.subjects {
            let mut loading = Duration::ZERO;
            for dtype in &self.dtypes {
                // What one leaves of its share, those after it have.
                let share = Instant::now() + left(until) / ahead;
                ahead -= 1;
                let runs = if fits(loading, until) {
                    let start = Instant::now();
                    let loaded = Loaded::new(adapter, subject, *dtype)?;
                    loading = start.elapsed();
                    let runs = self.runs(&loaded, share, &mut told)?;
                    models.push(loaded.model(subject, *dtype, runs.0));
                    runs.1
                } else {
                    self.sizes.clone()
                };
                left_out.extend(describe(subject, *dtype, &runs));
            }
        }
        Ok((models, left_out))
    }

    /// Of each size that ends in time, and the others; of the first in any case, since the model is loaded.
    fn runs(
        &self,
        loaded: &Loaded,
        until: Instant,
        told: &mut impl FnMut(),
    ) -> Result<(Vec<Run>, Vec<[usize; 2]>)> {
        let model = &loaded.model;
        let (mut runs, mut others) = (vec![], vec![]);
        let mut pace = Pace::default();
        let fitting = self.sizes.iter().filter(|it| it[1] <= model.max_tokens());
        for size in fitting {
            let tokens = (size[0] * size[1]) as f64;
            let cost = pace.expect(&(), tokens).map(|it| self.repeats.cost(it));
            if cost.is_some_and(|cost| !fits(cost, until)) {
                others.push(*size);
                continue;
            }
            let batches = batches(model, *size);
            let samples = self.repeats.until(until).samples(|| run(model, &batches))?;
            let run = Run::of(*size, &samples);
            pace.saw((), tokens, Duration::from_secs_f64(run.p50));
            runs.push(run);
            told();
        }
        Ok((runs, others))
    }
}

/// Sizes for which a model had no time, if there are any.
pub(crate) fn describe(
    subject: &ModelOrigin,
    dtype: DType,
    sizes: &[[usize; 2]],
) -> Option<String> {
    let sizes = sizes
        .iter()
        .map(|[texts, tokens]| format!("{texts} x {tokens}"));
    let sizes = sizes.collect::<Vec<_>>().join(", ");
    let name = format!("{}, {}", subject.name(), value_name(&dtype));
    (!sizes.is_empty()).then(|| format!("{name}: {sizes} tokens"))
}

/// A model on a device of its own, and how soon it was there.
struct Loaded {
    model: models::Model,
    cold_load: Duration,
    warm_load: Duration,
    first_run: Duration,
}

impl Loaded {
    fn new(adapter: &AdapterArgs, subject: &ModelOrigin, dtype: DType) -> Result<Self> {
        let options = ModelOptions::default().weight_type(dtype.into());
        let start = Instant::now();
        let gpu = adapter.open_cold()?;
        let model = subject.load(&gpu, &options)?;
        let cold_load = start.elapsed();
        let first_run = run(&model, &batches(&model, [1, FIRST]))?;
        drop(model);
        let start = Instant::now();
        Ok(Self {
            model: subject.load(&gpu, &options)?,
            cold_load,
            warm_load: start.elapsed(),
            first_run,
        })
    }

    fn model(&self, subject: &ModelOrigin, dtype: DType, runs: Vec<Run>) -> Model {
        let memory = self.model.memory();
        Model {
            model: subject.name(),
            synthetic: matches!(subject, ModelOrigin::Shape(_)),
            dtype: value_name(&dtype),
            cold_load: self.cold_load.as_secs_f64(),
            warm_load: self.warm_load.as_secs_f64(),
            first_run: self.first_run.as_secs_f64(),
            memory: Memory {
                weights: memory.weights,
                activations: memory.activations,
                staging: memory.staging,
            },
            runs,
        }
    }
}

/// Tokens of the first text.
const FIRST: usize = 16;

/// Texts of random tokens, as a task would make batches of them.
pub(crate) fn batches(model: &models::Model, [texts, tokens]: [usize; 2]) -> Vec<Batch> {
    let most = (model.batch_tokens() / tokens).clamp(1, model.batch_sequences());
    let mut random = Random::new(SEED);
    let mut left = texts;
    let mut batches = vec![];
    while left > 0 {
        let count = left.min(most);
        let mut batch = Batch::new();
        for _ in 0..count {
            let ids: Vec<u32> = (0..tokens)
                .map(|_| random.below(model.vocabulary()) as u32)
                .collect();
            batch.push(&ids, &vec![0; tokens]);
        }
        batches.push(batch);
        left -= count;
    }
    batches
}

/// How long all of them take, one after another.
///
/// # Errors
/// If the device was lost.
pub(crate) fn run(model: &models::Model, batches: &[Batch]) -> Result<Duration> {
    let start = Instant::now();
    for batch in batches {
        model.run(batch)?;
    }
    Ok(start.elapsed())
}

impl Run {
    fn of([texts, tokens]: [usize; 2], samples: &[f64]) -> Self {
        let (time, sorted) = (Summary::of(samples), sorted(samples));
        // Of 19 runs, the slowest would be both: p95 says something from 20 on.
        let percentile = |percent: usize| {
            let is_told = samples.len() * (100 - percent) >= 100;
            is_told.then(|| quantile(&sorted, percent as f64 / 100.0))
        };
        Self {
            texts,
            tokens,
            time,
            p50: time.median,
            p95: percentile(95),
            p99: percentile(99),
            texts_per_second: time.rate(texts as f64),
            tokens_per_second: time.rate((texts * tokens) as f64),
        }
    }
}

impl Model {
    /// Everything that takes time, by a name that is the same in every run on one adapter.
    pub(crate) fn times(&self) -> Vec<(String, Summary)> {
        let name = format!("{}, {}", self.model, self.dtype);
        let once = [
            ("cold load", self.cold_load),
            ("warm load", self.warm_load),
            ("first run", self.first_run),
        ];
        let once = once.map(|(what, time)| (format!("{name}: {what}"), Summary::of(&[time])));
        let runs = self.runs.iter().map(|run| {
            let what = format!("{name}: {} x {} tokens", run.texts, run.tokens);
            (what, run.time)
        });
        once.into_iter().chain(runs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_its_percentiles_and_rates() {
        let samples: Vec<f64> = (1..=101).map(f64::from).collect();
        let run = Run::of([8, 128], &samples);
        assert_eq!((run.p50, run.p95, run.p99), (51.0, Some(96.0), Some(100.0)));
        assert_eq!(run.texts_per_second, 8.0 / 51.0);
        assert_eq!(run.tokens_per_second, 1024.0 / 51.0);
        // The slowest of few runs is no percentile.
        let tails = |count: usize| {
            let run = Run::of([8, 128], &samples[..count]);
            (run.p95.is_some(), run.p99.is_some())
        };
        assert_eq!(
            [19, 20, 99, 100].map(tails),
            [(false, false), (true, false), (true, false), (true, true)]
        );
    }
}
