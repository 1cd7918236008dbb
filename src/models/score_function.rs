//! What a checkpoint's logits become.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Config, json};
use crate::error::{Error, Result};

/// What the logits of a classification become, as the configuration says.
///
/// ```
/// use wgformer::models::ScoreFunction;
///
/// let mut logits = [0.0, 0.0];
/// ScoreFunction::Softmax.score(&mut logits);
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

/// What sentence-transformers 4 and 5 wrote under their own key of `config.json`: the function, and who wrote it. (6 reads
/// the function from there, and writes files of its own.)
const OWN_KEYS: [&str; 2] = ["activation_fn", "version"];

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

    /// As sentence-transformers' cross-encoder has it: by its own file (6), or its own key of the configuration (4 and 5, or
    /// before); without one sigmoid for a single label.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] for another function, or something else under that key; [`crate::Error::Malformed`].
    pub(super) fn of_cross_encoder(config: &Config, labels: usize) -> Result<Self> {
        let beside = config
            .path()
            .with_file_name("config_sentence_transformers.json");
        let file: Option<Map<String, Value>> = json::settings_if_there(&beside)?;
        let own = match config.value("sentence_transformers") {
            Some(own) => Some(own.as_object().ok_or_else(|| {
                config.malformed(format!("sentence_transformers must be an object, is {own}"))
            })?),
            None => None,
        };
        if let Some(own) = own {
            json::refuse_others(config.path(), own, &OWN_KEYS)?;
        }
        let in_key = own.and_then(|own| own.get("activation_fn"));
        let old = config.value("sbert_ce_default_activation_function");
        let places = [
            (
                &*beside,
                file.as_ref().and_then(|it| it.get("activation_fn")),
            ),
            (config.path(), in_key.filter(|it| !it.is_null())),
            (config.path(), old),
        ];
        let named = places.into_iter().find_map(|(path, it)| Some((path, it?)));
        match named {
            Some((path, function)) => Self::of_torch(path, function),
            None if labels == 1 => Ok(Self::Sigmoid),
            None => Ok(Self::Identity),
        }
    }

    /// The one that a file names by torch's class.
    fn of_torch(path: &Path, function: &Value) -> Result<Self> {
        let path = path.to_owned();
        let Some(name) = function.as_str() else {
            let message = format!("activation_fn must be a name, is {function}");
            return Err(Error::Malformed { path, message });
        };
        match name.rsplit('.').next() {
            Some("Sigmoid") => Ok(Self::Sigmoid),
            Some("Identity") => Ok(Self::Identity),
            _ => Err(Error::Unsupported {
                path,
                what: "activation_fn",
                found: name.to_owned(),
                supported: "torch.nn.modules.activation.Sigmoid, torch.nn.modules.linear.Identity"
                    .to_owned(),
            }),
        }
    }

    /// The scores of one text, from its logits.
    pub fn score(self, logits: &mut [f32]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Sentence-transformers 6 writes it beside the configuration, 4 and 5 into it, and those before by another name.
    #[test]
    fn a_cross_encoders_function_is_looked_for_in_all_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let found = |config: &str| {
            std::fs::write(&path, config).unwrap();
            ScoreFunction::of_cross_encoder(&Config::read(&path).unwrap(), 1).unwrap()
        };
        let (identity, sigmoid) = (
            r#""torch.nn.modules.linear.Identity""#,
            r#""torch.nn.modules.activation.Sigmoid""#,
        );
        let in_key = format!(r#"{{"sentence_transformers": {{"activation_fn": {identity}}}}}"#);
        let old = format!(r#"{{"sbert_ce_default_activation_function": {identity}}}"#);
        assert_eq!(found("{}"), ScoreFunction::Sigmoid);
        assert_eq!(found(&in_key), ScoreFunction::Identity);
        assert_eq!(found(&old), ScoreFunction::Identity);
        let beside = folder.path().join("config_sentence_transformers.json");
        std::fs::write(&beside, format!(r#"{{"activation_fn": {sigmoid}}}"#)).unwrap();
        assert_eq!(found(&in_key), ScoreFunction::Sigmoid);
        std::fs::write(&beside, format!(r#"{{"activation_fn": {identity}}}"#)).unwrap();
        assert_eq!(found("{}"), ScoreFunction::Identity);
    }
}
