use std::path::Path;

use super::text_model::TextModel;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::plan::Control;
use crate::text::Text;

/// Tells which of a checkpoint's labels a text has: sentiment, topic, spam, the relation of two sentences. Clones share
/// the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::Classifier;
///
/// # let folder = "tests/data/tasks/sentiment";
/// let gpu = wgformer::Gpu::new()?;
/// let classifier = Classifier::load(&gpu, folder, &ModelOptions::default())?;
/// for labels in classifier.classify(["What a film!", "I want my money back."])? {
///     println!("{} {:.3}", labels[0].label, labels[0].score);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Classifier {
    text_model: TextModel,
    score_function: ScoreFunction,
}

/// A label, and how sure the model is of it.
///
/// See [`Classifier`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Label {
    /// Its name, from `id2label`.
    pub label: String,
    /// From 0 to 1; any number where the checkpoint says that its logits are the result.
    pub score: f32,
}

impl Classifier {
    /// Loads a checkpoint with a head for sequence classification.
    ///
    /// # Errors
    /// As [`Model::load`], [`crate::Error::TensorMissing`] if it has no such head, and [`crate::Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let head = Head::SequenceClassification;
        let text_model = TextModel::load(gpu, &own, head, options)?;
        let score_function = text_model.model.score_function();
        Ok(Self {
            text_model,
            score_function,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.text_model.model
    }

    /// The names of the labels, in the order of the checkpoint.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        self.model().labels()
    }

    /// Every label of each text or pair of texts, the best first.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed).
    pub fn classify<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Vec<Label>>> {
        pollster::block_on(self.classify_with_async(texts, Control::new()))
    }

    /// [`Classifier::classify`] with a deadline, or somebody who is told after each batch how many texts are done.
    ///
    /// # Errors
    /// As [`Classifier::classify`], and [`crate::Error::Deadline`].
    pub fn classify_with<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Label>>> {
        pollster::block_on(self.classify_with_async(texts, control))
    }

    /// [`Classifier::classify_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Classifier::classify_with`].
    pub async fn classify_with_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Label>>> {
        let scores = self.scores(texts, control).await?;
        let labels = self.labels();
        Ok(scores.iter().map(|scores| ranked(labels, scores)).collect())
    }

    /// The scores of each text, in the order of [`Classifier::labels`].
    async fn scores<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        control: Control<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let texts: Vec<Text<'_>> = texts.into_iter().map(Into::into).collect();
        let outputs = self.text_model.outputs(&texts, control).await?;
        let scores = outputs.into_iter().map(|output| {
            let mut logits = output.values;
            self.score_function.apply(&mut logits);
            logits
        });
        Ok(scores.collect())
    }
}

/// Labels with their scores, the best first.
pub(super) fn ranked(labels: &[impl AsRef<str>], scores: &[f32]) -> Vec<Label> {
    let labels = labels.iter().zip(scores).map(|(label, score)| Label {
        label: label.as_ref().to_owned(),
        score: *score,
    });
    let mut labels: Vec<Label> = labels.collect();
    labels.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
    labels
}
