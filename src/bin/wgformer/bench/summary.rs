//! Repeated measurements of one thing, and what they say together.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::pace::left;

/// What measurements come to. Seconds, unless whoever made it says otherwise.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    /// The distance between the quartiles, over the median.
    pub(crate) spread: f64,
    pub(crate) least: f64,
    pub(crate) samples: usize,
    /// How many are more than three times the quartiles' distance above the upper quartile.
    pub(crate) outliers: usize,
    /// The median of the second half over that of the first, less 1: a device that grows hot has a positive one.
    pub(crate) drift: f64,
}

impl Summary {
    /// # Panics
    /// If there is no measurement.
    pub(crate) fn of(samples: &[f64]) -> Self {
        let halves = samples.split_at(samples.len().div_ceil(2));
        let sorted = sorted(samples);
        let [lower, median, upper] = [0.25, 0.5, 0.75].map(|part| quantile(&sorted, part));
        let between = upper - lower;
        // Of what takes no time that a clock could tell.
        let over = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
        let high = sorted.iter().filter(|it| **it > upper + 3.0 * between);
        let drift = match halves {
            (_, []) => 0.0,
            (first, second) => {
                let [first, second] =
                    [first, second].map(|half| quantile(&self::sorted(half), 0.5));
                over(second - first, first)
            }
        };
        Self {
            median,
            spread: over(between, median),
            least: sorted[0],
            samples: sorted.len(),
            outliers: high.count(),
            drift,
        }
    }

    /// Of a rate: so much work a measurement, a second.
    pub(crate) fn rate(&self, work: f64) -> f64 {
        work / self.median
    }
}

pub(crate) fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Between the two nearest measurements, as numpy's default has it.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}

/// How often a thing is measured.
#[derive(Clone, Copy)]
pub(crate) struct Repeats {
    /// As long as this is not over, up to `most` times, and at least `least` times.
    pub(crate) budget: Duration,
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Repeats {
    /// The same, but no longer than there is time, unless they are too few then.
    pub(crate) fn until(self, until: Instant) -> Self {
        Self {
            budget: self.budget.min(left(until)),
            ..self
        }
    }

    /// How long they take of what takes `each`, the one for warming up included, and one more because some take longer.
    pub(crate) fn cost(self, each: Duration) -> Duration {
        (2 + self.least as u32) * each
    }

    /// What the samples come to.
    ///
    /// # Errors
    /// Those of `measure`.
    pub(crate) fn of(self, measure: impl FnMut() -> Result<Duration>) -> Result<Summary> {
        Ok(Summary::of(&self.samples(measure)?))
    }

    /// What `measure` says, after it was called once for warming up, in seconds.
    ///
    /// # Errors
    /// Those of `measure`.
    pub(crate) fn samples(self, mut measure: impl FnMut() -> Result<Duration>) -> Result<Vec<f64>> {
        measure()?;
        let (start, mut samples) = (Instant::now(), Vec::new());
        while self.goes_on(samples.len(), start) {
            samples.push(measure()?.as_secs_f64());
        }
        Ok(samples)
    }

    /// After so many samples since `start`.
    pub(crate) fn goes_on(self, done: usize, start: Instant) -> bool {
        done < self.least || (done < self.most && start.elapsed() < self.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_numpys_and_one_late_sample_is_an_outlier() {
        let summary = Summary::of(&[1.0, 2.0, 3.0, 4.0, 100.0]);
        assert_eq!((summary.median, summary.least), (3.0, 1.0));
        assert_eq!(summary.spread, 2.0 / 3.0); // quartiles 2 and 4
        assert_eq!((summary.samples, summary.outliers), (5, 1));
        assert_eq!(Summary::of(&[2.0, 2.0, 3.0, 3.0]).drift, 0.5);
        let nothing = Summary::of(&[0.0; 4]);
        assert_eq!((nothing.spread, nothing.drift), (0.0, 0.0));
        let one = Summary::of(&[7.0]);
        assert_eq!((one.median, one.spread, one.drift), (7.0, 0.0, 0.0));
    }

    #[test]
    fn where_there_is_no_time_they_are_as_few_as_may_be() {
        let repeats = Repeats {
            budget: Duration::from_secs(1000),
            least: 3,
            most: 10,
        };
        let measure = || Ok(Duration::from_secs(1));
        let summary = repeats.until(Instant::now()).of(measure).unwrap();
        assert_eq!(summary.samples, 3);
        assert_eq!(
            repeats.cost(Duration::from_secs(2)),
            Duration::from_secs(10)
        );
    }

    #[test]
    fn it_is_measured_often_enough_and_not_for_ever() {
        let mut calls = 0;
        let mut measure = || {
            calls += 1;
            Ok(Duration::from_secs(1))
        };
        let repeats = |budget, least, most| Repeats {
            budget,
            least,
            most,
        };
        let few = repeats(Duration::ZERO, 3, 10).of(&mut measure).unwrap();
        let many = repeats(Duration::MAX, 3, 10).of(&mut measure).unwrap();
        assert_eq!((few.samples, many.samples, calls), (3, 10, 15));
    }
}
