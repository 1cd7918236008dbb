use std::iter;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::problem::{Problem, counts, softmax};
use super::{LogisticOptions, LogisticRegression, newton, refused};
use crate::error::Result;
use crate::verify::Random;

/// How well a strength does on samples that it was not fitted to.
///
/// ```
/// use wgformer::logistic::{LogisticOptions, Strength, Validation, validate};
///
/// let (features, labels) = ([0.0, 0.1, 0.2, 0.8, 0.9, 1.0], [0, 0, 0, 1, 1, 1]);
/// let validation = Validation::default().strengths([1.0, 100.0]).splits(3).seed(7);
/// let report = |done, all| Ok(println!("{done} of {all}")); // an error ends it
/// let options = LogisticOptions::default();
/// let (found, best) = validate(&features, &labels, &options, &validation, report)?;
/// for strength in &found {
///     let Strength { c, loss, .. } = strength;
///     println!("{c}: {:.3} ± {:.3}, {loss:.3}", strength.mean(), strength.spread());
/// }
/// println!("best: {}", found[best].c);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Strength {
    /// [`LogisticOptions::c`].
    pub c: f64,
    /// Of each split, the part of what was held out whose class was found.
    pub accuracies: Vec<f64>,
    /// The mean cross-entropy of what was held out, in nats.
    pub loss: f64,
}

impl Strength {
    /// The mean over splits.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.accuracies.iter().sum::<f64>() / self.accuracies.len() as f64
    }

    /// The standard deviation over splits.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let mean = self.mean();
        let squares = self.accuracies.iter().map(|it| (it - mean).powi(2));
        (squares.sum::<f64>() / self.accuracies.len() as f64).sqrt()
    }
}

/// How a strength is chosen.
///
/// ```
/// use wgformer::logistic::Validation;
///
/// let validation = Validation::default().strengths([0.1, 1.0, 10.0]).splits(10).seed(7);
/// # let _ = validation;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Validation {
    pub(crate) strengths: Vec<f64>,
    pub(crate) splits: usize,
    pub(crate) seed: u64,
}

impl Default for Validation {
    fn default() -> Self {
        Self {
            strengths: vec![0.01, 0.1, 1.0, 10.0, 100.0, 1000.0],
            splits: 5,
            seed: 0,
        }
    }
}

impl Validation {
    /// The values of [`LogisticOptions::c`] to choose from; by default powers of ten from 0.01 to 1000.
    #[must_use]
    pub fn strengths(self, strengths: impl IntoIterator<Item = f64>) -> Self {
        Self {
            strengths: strengths.into_iter().collect(),
            ..self
        }
    }

    /// How many splits there are, each of a seed of its own; 5 by default.
    #[must_use]
    pub fn splits(self, splits: usize) -> Self {
        Self { splits, ..self }
    }

    /// How many regressions are fitted.
    pub(crate) fn fits(&self) -> usize {
        self.strengths.len() * self.splits
    }

    /// The seed of the first split; that of each further one is one more.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// Fits each strength to a part of the samples and looks at how well it does on the rest, for several splits: a quarter of
/// each class, at least one sample, is held out. Splits run on as many threads as there are cores, with the same result on any.
/// `report` is told on this thread how many fits are done, and of how many; its error ends all.
///
/// Returns what was found of each strength, in their order, and the place of the best: that of the highest mean accuracy,
/// of equal ones that of the lowest loss.
///
/// See [`Strength`] for an example.
///
/// # Errors
/// As [`LogisticRegression::fit`]; [`crate::Error::Input`] if a class has one sample only, or if there are no strengths or no
/// splits.
pub fn validate(
    features: &[f32],
    labels: &[usize],
    options: &LogisticOptions,
    validation: &Validation,
    mut report: impl FnMut(usize, usize) -> Result<()>,
) -> Result<(Vec<Strength>, usize)> {
    let fits = Fits {
        inputs: Problem::new(features, labels, options)?.inputs,
        features,
        labels,
        options,
        validation,
        next: AtomicUsize::new(0),
    };
    check(labels, validation)?;
    let (splits, all) = (validation.splits, validation.fits());
    let mut judged = vec![vec![(0.0, 0.0); splits]; validation.strengths.len()];
    let mut done = 0;
    fits.each(|fit| {
        judged[fit.strength][fit.split] = fit.judged;
        done += 1;
        report(done, all)
    })?;
    let found = validation.strengths.iter().zip(judged);
    let found = found.map(|(&c, judged)| {
        let (accuracies, losses): (Vec<f64>, Vec<f64>) = judged.into_iter().unzip();
        let loss = losses.iter().map(|loss| loss / splits as f64).sum();
        Strength {
            c,
            accuracies,
            loss,
        }
    });
    let found: Vec<Strength> = found.collect();
    let is_better = |a: &Strength, b: &Strength| {
        let more = a.mean() - b.mean();
        // Means of the same numbers in another order may differ by rounding.
        more > 1e-9 || (more > -1e-9 && a.loss < b.loss)
    };
    let best = (1..found.len()).fold(0, |best, it| {
        if is_better(&found[it], &found[best]) {
            it
        } else {
            best
        }
    });
    Ok((found, best))
}

fn check(labels: &[usize], validation: &Validation) -> Result<()> {
    if validation.splits == 0 || validation.strengths.is_empty() {
        let message = "needs at least one split and one value of C to choose from";
        return Err(refused("validation", message.to_owned()));
    }
    match counts(labels).iter().position(|count| *count < 2) {
        None => Ok(()),
        Some(class) => Err(refused(
            "labels",
            format!("class {class} has one sample, and validation holds one out and needs another"),
        )),
    }
}

/// The samples that are kept, and those that are held out, each in their order.
fn split_of(labels: &[usize], seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut random = Random::new(seed);
    let (mut kept, mut held_out) = (Vec::new(), Vec::new());
    for class in 0..counts(labels).len() {
        let own = (0..labels.len()).filter(|sample| labels[*sample] == class);
        let mut own: Vec<usize> = own.collect();
        for end in (1..own.len()).rev() {
            own.swap(end, random.below(end + 1)); // Fisher and Yates
        }
        let (out, rest) = own.split_at((own.len() / 4).max(1));
        held_out.extend_from_slice(out);
        kept.extend_from_slice(rest);
    }
    kept.sort_unstable();
    held_out.sort_unstable();
    (kept, held_out)
}

/// All fits of a validation.
struct Fits<'a> {
    features: &'a [f32],
    labels: &'a [usize],
    inputs: usize,
    options: &'a LogisticOptions,
    validation: &'a Validation,
    /// The first split that nobody has taken.
    next: AtomicUsize,
}

/// How well a strength does on a split, by their places.
struct Fit {
    strength: usize,
    split: usize,
    /// The accuracy and the loss.
    judged: (f64, f64),
}

impl Fits<'_> {
    /// Tells `found` of each fit, in the order in which they are done; its error ends all. Splits know nothing of each other:
    /// as many run at once as there are cores.
    fn each(&self, mut found: impl FnMut(Fit) -> Result<()>) -> Result<()> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let (sender, others) = mpsc::channel();
            for _ in 1..cores.min(self.validation.splits) {
                let sender = sender.clone();
                // Nobody listens any more after an error.
                let work = move || self.free().try_for_each(|fit| sender.send(fit));
                // Where the system gives no thread, the others do its part.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            drop(sender);
            for own in self.free() {
                found(own?)?;
                others.try_iter().try_for_each(|fit| found(fit?))?;
            }
            others.iter().try_for_each(|fit| found(fit?))
        })
    }

    /// Those of splits that nobody else takes.
    fn free(&self) -> impl Iterator<Item = Result<Fit>> {
        let free = iter::repeat_with(|| self.next.fetch_add(1, Ordering::Relaxed));
        free.take_while(|split| *split < self.validation.splits)
            .flat_map(|split| self.of(split))
    }

    /// Those of a split.
    fn of(&self, split: usize) -> impl Iterator<Item = Result<Fit>> {
        let seed = self.validation.seed.wrapping_add(split as u64);
        let (kept, held_out) = split_of(self.labels, seed);
        let samples =
            |places: &[usize]| Samples::of(self.features, self.labels, self.inputs, places);
        let (kept, held_out) = (samples(&kept), samples(&held_out));
        let mut parameters = None;
        let strengths = self.validation.strengths.iter().enumerate();
        strengths.map(move |(strength, c)| {
            let options = self.options.c(*c);
            let problem = Problem::new(&kept.features, &kept.labels, &options)?;
            // From where the one before is, which is near.
            let start = parameters.take();
            let start = start.unwrap_or_else(|| vec![0.0; problem.parameters()]);
            let there = newton::minimize(&problem, start)?;
            let fitted = LogisticRegression::of(&problem, there.clone());
            parameters = Some(there);
            Ok(Fit {
                strength,
                split,
                judged: held_out.judge(&fitted),
            })
        })
    }
}

/// Some of all samples.
struct Samples {
    features: Vec<f32>,
    labels: Vec<usize>,
}

impl Samples {
    fn of(features: &[f32], labels: &[usize], inputs: usize, places: &[usize]) -> Self {
        let rows = places.iter().map(|it| &features[it * inputs..][..inputs]);
        Self {
            features: rows.flatten().copied().collect(),
            labels: places.iter().map(|it| labels[*it]).collect(),
        }
    }

    /// The part whose class is found, and the mean cross-entropy.
    fn judge(&self, fitted: &LogisticRegression) -> (f64, f64) {
        let count = self.labels.len() as f64;
        let predicted = fitted.predict(&self.features);
        let right = predicted.iter().zip(&self.labels).filter(|(a, b)| a == b);
        let accuracy = right.count() as f64 / count;
        let mut logits = fitted.logits(&self.features);
        let rows = logits.chunks_exact_mut(fitted.classes()).zip(&self.labels);
        let losses = rows.map(|(logits, label)| {
            let right = logits[*label];
            softmax(logits, 0) - right
        });
        (accuracy, losses.sum::<f64>() / count)
    }
}
