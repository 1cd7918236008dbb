//! The objective of a logistic regression: its value, its gradient, and what its Hessian makes of a direction.
//!
//! All divided by C and by the sum of the weights, so that none of them grows with the number of samples.

use super::{ClassWeight, LogisticOptions, refused};
use crate::error::Result;

/// Parameters are `[inputs + 1, rows]`, the intercepts last.
pub(super) struct Problem<'a> {
    /// `[samples, inputs]`
    features: &'a [f32],
    labels: &'a [usize],
    /// Of each sample; they add up to 1.
    weights: Vec<f64>,
    /// What half of each squared coefficient is multiplied by.
    penalty: f64,
    pub(super) inputs: usize,
    pub(super) classes: usize,
}

/// What is known of the objective at a place.
pub(super) struct At {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// Of each sample and row.
    probabilities: Vec<f64>,
}

/// Of two classes the first has the logit 0, so that one row says all.
pub(super) fn rows(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

/// What a sample, `[inputs]`, has in each row.
pub(super) fn scores(sample: &[f32], parameters: &[f64], scores: &mut [f64]) {
    let rows = scores.len();
    let (coefficients, intercepts) = parameters.split_at(sample.len() * rows);
    scores.copy_from_slice(intercepts);
    for (value, row) in sample.iter().zip(coefficients.chunks_exact(rows)) {
        let value = f64::from(*value);
        for (score, coefficient) in scores.iter_mut().zip(row) {
            *score += value * coefficient;
        }
    }
}

impl<'a> Problem<'a> {
    /// # Errors
    /// As [`super::LogisticRegression::fit`].
    pub(super) fn new(
        features: &'a [f32],
        labels: &'a [usize],
        options: &LogisticOptions,
    ) -> Result<Self> {
        let samples = labels.len();
        let inputs = features.len() / samples.max(1);
        if inputs == 0 || inputs * samples != features.len() {
            return Err(refused(
                "features",
                format!("{} values are no rows for {samples} labels", features.len()),
            ));
        }
        if let Some(place) = features.iter().position(|value| !value.is_finite()) {
            let (sample, value) = (place / inputs, features[place]);
            return Err(refused(
                "features",
                format!("sample {sample} holds {value}"),
            ));
        }
        if let Some(label) = labels.iter().find(|label| **label >= samples) {
            let message = format!("{label} is beyond the classes that {samples} samples can have");
            return Err(refused("labels", message));
        }
        let counts = counts(labels);
        if counts.len() < 2 {
            let message = format!(
                "there is {} class, and at least two are told apart",
                counts.len()
            );
            return Err(refused("labels", message));
        }
        if let Some(class) = counts.iter().position(|count| *count == 0) {
            return Err(refused("labels", format!("class {class} has no samples")));
        }
        let c = options.c;
        if !(c > 0.0 && c.is_finite()) {
            return Err(refused("C", format!("must be a number above 0, is {c}")));
        }
        let weight = |class: usize| match options.class_weight {
            ClassWeight::None => 1.0,
            ClassWeight::Balanced => samples as f64 / (counts.len() * counts[class]) as f64,
        };
        let weights: Vec<f64> = labels.iter().map(|class| weight(*class)).collect();
        let sum: f64 = weights.iter().sum();
        Ok(Self {
            features,
            labels,
            weights: weights.iter().map(|weight| weight / sum).collect(),
            penalty: 1.0 / (c * sum),
            inputs,
            classes: counts.len(),
        })
    }

    pub(super) fn rows(&self) -> usize {
        rows(self.classes)
    }

    pub(super) fn parameters(&self) -> usize {
        (self.inputs + 1) * self.rows()
    }

    pub(super) fn at(&self, parameters: &[f64]) -> At {
        let rows = self.rows();
        let pinned = self.classes - rows;
        let mut at = At {
            value: 0.5 * self.penalty * self.penalised(parameters).map(|it| it * it).sum::<f64>(),
            gradient: self.penalties(parameters),
            probabilities: vec![0.0; self.labels.len() * rows],
        };
        let each = at.probabilities.chunks_exact_mut(rows);
        for ((sample, own), place) in self.samples().zip(each).zip(0..) {
            let (label, weight) = (self.labels[place], self.weights[place]);
            scores(sample, parameters, own);
            let right = label.checked_sub(pinned).map(|row| (row, own[row]));
            let logarithm = softmax(own, pinned);
            at.value += weight * (logarithm - right.map_or(0.0, |(_, score)| score));
            let mut errors = own.to_vec();
            if let Some((row, _)) = right {
                errors[row] -= 1.0;
            }
            errors.iter_mut().for_each(|error| *error *= weight);
            add(sample, &errors, &mut at.gradient);
        }
        at
    }

    /// The Hessian at a place, times a direction.
    pub(super) fn curvature(&self, at: &At, direction: &[f64]) -> Vec<f64> {
        let rows = self.rows();
        let mut product = self.penalties(direction);
        let mut own = vec![0.0; rows];
        let each = at.probabilities.chunks_exact(rows).zip(&self.weights);
        for (sample, (probabilities, weight)) in self.samples().zip(each) {
            scores(sample, direction, &mut own);
            let pairs = own.iter().zip(probabilities);
            let mean: f64 = pairs.map(|(score, probability)| score * probability).sum();
            for (score, probability) in own.iter_mut().zip(probabilities) {
                *score = weight * probability * (*score - mean);
            }
            add(sample, &own, &mut product);
        }
        product
    }

    fn samples(&self) -> impl Iterator<Item = &[f32]> {
        self.features.chunks_exact(self.inputs)
    }

    /// All parameters but the intercepts.
    fn penalised<'p>(&self, parameters: &'p [f64]) -> impl Iterator<Item = &'p f64> {
        parameters.iter().take(self.inputs * self.rows())
    }

    /// The gradient of the penalty.
    fn penalties(&self, parameters: &[f64]) -> Vec<f64> {
        let own = self.penalised(parameters).map(|it| self.penalty * it);
        let mut all: Vec<f64> = own.collect();
        all.resize(parameters.len(), 0.0);
        all
    }
}

/// How many samples each class has.
pub(super) fn counts(labels: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; labels.iter().max().map_or(0, |last| last + 1)];
    labels.iter().for_each(|label| counts[*label] += 1);
    counts
}

/// Scores to probabilities, beside `pinned` classes with the score 0; returns the logarithm of the sum of exponentials.
pub(super) fn softmax(scores: &mut [f64], pinned: usize) -> f64 {
    let lowest = if pinned > 0 { 0.0 } else { f64::NEG_INFINITY };
    let largest = scores.iter().copied().fold(lowest, f64::max);
    scores.iter_mut().for_each(|it| *it = (*it - largest).exp());
    let sum = scores.iter().sum::<f64>() + pinned as f64 * (-largest).exp();
    scores.iter_mut().for_each(|it| *it /= sum);
    largest + sum.ln()
}

/// Adds the outer product of a sample, with 1 behind it, and a value for each row.
fn add(sample: &[f32], values: &[f64], sum: &mut [f64]) {
    let rows = values.len();
    let (coefficients, intercepts) = sum.split_at_mut(sample.len() * rows);
    for (feature, row) in sample.iter().zip(coefficients.chunks_exact_mut(rows)) {
        let feature = f64::from(*feature);
        for (sum, value) in row.iter_mut().zip(values) {
            *sum += feature * value;
        }
    }
    for (sum, value) in intercepts.iter_mut().zip(values) {
        *sum += value;
    }
}
