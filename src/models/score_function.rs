//! What a checkpoint's logits become.

use super::Config;
use crate::error::Result;

/// What the logits of a classification become, as the configuration says.
///
/// ```
/// use wgformer::models::ScoreFunction;
///
/// let mut logits = [0.0, 0.0];
/// ScoreFunction::Softmax.apply(&mut logits);
/// assert_eq!(logits, [0.5, 0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreFunction {
    /// Probabilities that add up to 1: one of the labels is the right one.
    Softmax,
    /// A probability each: any number of labels may be right.
    Sigmoid,
    /// Logits as they are, of a regression.
    Identity,
}

impl ScoreFunction {
    /// As transformers' text classification pipeline has it: by `problem_type`; without one sigmoid for a single label,
    /// else softmax.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] for another problem.
    pub(super) fn of(config: &Config, labels: usize) -> Result<Self> {
        let found = config.value("problem_type").and_then(|it| it.as_str());
        match found {
            Some("regression") => Ok(Self::Identity),
            Some("multi_label_classification") => Ok(Self::Sigmoid),
            Some("single_label_classification") | None if labels > 1 => Ok(Self::Softmax),
            Some("single_label_classification") | None => Ok(Self::Sigmoid),
            Some(other) => Err(config.unsupported(
                "problem_type",
                other,
                "regression, single_label_classification, multi_label_classification",
            )),
        }
    }

    /// The scores of one text, from its logits.
    pub fn apply(self, logits: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Sigmoid => logits
                .iter_mut()
                .for_each(|logit| *logit = 1.0 / (1.0 + (-*logit).exp())),
            Self::Softmax => {
                let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                logits
                    .iter_mut()
                    .for_each(|logit| *logit = (*logit - largest).exp());
                let sum: f32 = logits.iter().sum();
                logits.iter_mut().for_each(|exp| *exp /= sum);
            }
        }
    }
}
