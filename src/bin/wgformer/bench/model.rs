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
use super::samples::{Repeats, Summary, quantile, sorted};
use super::shapes::{Shape, VOCABULARY};
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
    /// Percentiles of that time.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) texts_per_second: f64,
    pub(crate) tokens_per_second: f64,
}

/// What is measured.
pub(crate) struct Plan {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) dtypes: Vec<DType>,
    /// Texts, and the tokens of each.
    pub(crate) sizes: Vec<[usize; 2]>,
    pub(crate) repeats: Repeats,
}

/// A folder with a model, or a shape for which weights are made.
pub(crate) enum Subject {
    Folder { name: String, path: PathBuf },
    Shape(Shape),
}

impl Subject {
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

    /// How many ids there are.
    ///
    /// # Errors
    /// Those of the folder.
    pub(crate) fn vocabulary(&self) -> Result<usize> {
        let Self::Folder { path, .. } = self else {
            return Ok(VOCABULARY);
        };
        let folder = SentenceTransformer::read(path)?.transformer;
        let config = Config::read(&folder.join("config.json"))?;
        Ok(config.size("vocab_size", VOCABULARY)?)
    }
}

impl Plan {
    /// How many models there are.
    pub(crate) fn len(&self) -> usize {
        self.subjects.len() * self.dtypes.len()
    }

    /// Models, and for how many sizes there was no time until `until`; `told` hears of each model.
    ///
    /// # Errors
    /// Those of loading, and if the device was lost.
    pub(crate) fn measure(
        &self,
        adapter: &AdapterArgs,
        until: Instant,
        mut told: impl FnMut(),
    ) -> Result<(Vec<Model>, usize)> {
        let (mut models, mut left) = (vec![], 0);
        let mut ahead = self.len() as u32;
        for subject in &self.subjects {
            for dtype in &self.dtypes {
                // What one leaves of its share, those after it have.
                let share = until.saturating_duration_since(Instant::now()) / ahead;
                ahead -= 1;
                if share.is_zero() {
                    left += self.sizes.len();
                    continue;
                }
                let until = Instant::now() + share;
                let (model, not_run) = self.measure_one(adapter, subject, *dtype, until)?;
                models.push(model);
                left += not_run;
                told();
            }
        }
        Ok((models, left))
    }

    fn measure_one(
        &self,
        adapter: &AdapterArgs,
        subject: &Subject,
        dtype: DType,
        until: Instant,
    ) -> Result<(Model, usize)> {
        let options = ModelOptions::default().weight_type(dtype.into());
        let vocabulary = subject.vocabulary()?;

        let start = Instant::now();
        let gpu = adapter.open_cold()?;
        let model = subject.load(&gpu, &options)?;
        let cold_load = start.elapsed();
        let first_run = run(&model, &batches(&model, [1, FIRST], vocabulary))?;
        drop(model);

        let start = Instant::now();
        let model = subject.load(&gpu, &options)?;
        let warm_load = start.elapsed();

        let (mut runs, mut left): (Vec<Run>, usize) = (vec![], 0);
        let fitting = self.sizes.iter().filter(|it| it[1] <= model.max_tokens());
        for size in fitting {
            if self.takes_too_long(&runs, *size, until) {
                left += 1;
                continue;
            }
            let batches = batches(&model, *size, vocabulary);
            let samples = self.repeats.samples(|| run(&model, &batches))?;
            runs.push(Run::of(*size, &samples));
        }
        let memory = model.memory();
        let model = Model {
            model: subject.name(),
            synthetic: matches!(subject, Subject::Shape(_)),
            dtype: value_name(&dtype),
            cold_load: cold_load.as_secs_f64(),
            warm_load: warm_load.as_secs_f64(),
            first_run: first_run.as_secs_f64(),
            memory: Memory {
                weights: memory.weights,
                activations: memory.activations,
                staging: memory.staging,
            },
            runs,
        };
        Ok((model, left))
    }

    /// By the best rate so far; the first size is run in any case, since the model is loaded.
    fn takes_too_long(&self, runs: &[Run], [texts, tokens]: [usize; 2], until: Instant) -> bool {
        if runs.is_empty() {
            return false;
        }
        let best = runs.iter().map(|run| run.tokens_per_second);
        let best = best.fold(f64::NAN, f64::max);
        let left = until.saturating_duration_since(Instant::now());
        let each = (texts * tokens) as f64 / best;
        let needed = (1 + self.repeats.least) as f64 * each;
        left.is_zero() || needed > left.as_secs_f64()
    }
}

/// Tokens of the first text.
const FIRST: usize = 16;

/// Texts of random tokens, as a task would make batches of them.
pub(crate) fn batches(
    model: &models::Model,
    [texts, tokens]: [usize; 2],
    vocabulary: usize,
) -> Vec<Batch> {
    let most = (model.batch_tokens() / tokens).clamp(1, model.batch_sequences());
    let mut random = Random::new(SEED);
    let mut left = texts;
    let mut batches = vec![];
    while left > 0 {
        let count = left.min(most);
        let mut batch = Batch::new();
        for _ in 0..count {
            let ids: Vec<u32> = (0..tokens)
                .map(|_| random.below(vocabulary) as u32)
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
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|part| quantile(&sorted, part));
        Self {
            texts,
            tokens,
            time,
            p50,
            p95,
            p99,
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
        assert_eq!((run.p50, run.p95, run.p99), (51.0, 96.0, 100.0));
        assert_eq!(run.texts_per_second, 8.0 / 51.0);
        assert_eq!(run.tokens_per_second, 1024.0 / 51.0);
    }

    #[test]
    fn what_would_end_too_late_is_not_begun() {
        let plan = Plan {
            subjects: vec![],
            dtypes: vec![],
            sizes: vec![],
            repeats: Repeats {
                budget: Duration::ZERO,
                least: 3,
                most: 3,
            },
        };
        let runs = [Run::of([1, 100], &[1.0])];
        let until = Instant::now() + Duration::from_secs(60);
        assert!(!plan.takes_too_long(&runs, [1, 1000], until)); // 40 s
        assert!(plan.takes_too_long(&runs, [2, 1000], until)); // 80 s
        assert!(plan.takes_too_long(&runs, [1, 1], Instant::now()));
        // The model is loaded, and nobody knows how fast it is.
        assert!(!plan.takes_too_long(&[], [2, 1000], Instant::now()));
    }
}
