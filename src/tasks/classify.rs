use std::path::Path;

use super::text_model::TextModel;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, Output, ScoreFunction, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::Text;

/// Tells which of a checkpoint's labels a text has: sentiment, topic, spam, the relation of two sentences. Clones share
/// the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{Classifier, Label};
///
/// # let folder = "tests/data/tasks/sentiment";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", Classifier::memory_needed(&gpu, folder, &options)?.total());
/// let classifier = Classifier::load(&gpu, folder, &options)?;
/// for labels in classifier.classify(["What a film!", "I want my money back."])? {
///     let Label { label, score, .. } = &labels[0]; // the best
///     println!("{label} {score:.3}");
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, models::ModelOptions, plan::Control, tasks::Classifier};
/// # let (folder, options) = ("tests/data/tasks/sentiment", ModelOptions::default());
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let classifier = Classifier::load_async(&gpu, folder, &options).await?;
/// println!("{}", classifier.labels().join(", "));
/// let labels = classifier.classify_async(["fine"]).await?;
///
/// let in_time = || Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(classifier.classify_with(["fine"], in_time())?, labels);
/// assert_eq!(classifier.classify_with_async(["fine"], in_time()).await?, labels);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = classifier.recover(&another)?;
/// let recovered = recovered.recover_async(&another).await?;
/// println!("{} bytes", recovered.model().memory().total());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Classifier {
    pub(super) text_model: TextModel,
    pub(super) score_function: ScoreFunction,
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
    /// Its place among all labels, those of [`Classifier::labels`] or those that were asked for: names may be the same.
    pub index: usize,
}

/// What gives a directory's logits: its last modules, if they do, else the checkpoint's own head.
fn head(own: &SentenceTransformer) -> Head {
    match own.output {
        Output::Logits => own.head(own.pooling, own.normalize),
        _ => Head::SequenceClassification,
    }
}

impl Classifier {
    /// Loads a checkpoint with a head for sequence classification, or a directory that
    /// [`FittedClassifier::save`](super::FittedClassifier::save) wrote.
    ///
    /// # Errors
    /// As [`Model::load`], [`crate::Error::HeadMissing`] if it has no such head, and [`crate::Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let text_model = TextModel::load(gpu, &own, head(&own), options)?;
        text_model.model.expect_labels(text_model.model.columns())?;
        let score_function = text_model.model.score_function();
        Ok(Self {
            text_model,
            score_function,
        })
    }

    /// What [`Classifier::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`Model::memory_needed`].
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        TextModel::memory_needed(gpu, &own, head(&own), options)
    }

    /// [`Classifier::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub async fn load_async(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Self> {
        let (own, options) = (gpu.clone(), options.clone());
        let directory = directory.as_ref().to_owned();
        gpu.off_thread(move || Self::load(&own, directory, &options))
            .await
    }

    /// The same on another device, after its own was lost: [`Model::recover`].
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            text_model: self.text_model.recover(gpu)?,
            ..self.clone()
        })
    }

    /// [`Classifier::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            text_model: self.text_model.recover_async(gpu).await?,
            ..self.clone()
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

    /// Every label of each text or pair of texts, the best first. A second text that is empty is none, as to transformers'
    /// pipeline.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed).
    pub fn classify<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Vec<Label>>> {
        self.text_model.block_on(self.classify_async(texts))
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
        self.text_model
            .block_on(self.classify_with_async(texts, control))
    }

    /// [`Classifier::classify`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub async fn classify_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Vec<Label>>> {
        self.classify_with_async(texts, Control::new()).await
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
        let texts = Text::all_without_empty_second(texts);
        let outputs = self.text_model.outputs(&texts, control).await?;
        let scores = outputs.into_iter().map(|output| {
            let mut logits = output.values;
            self.score_function.score(&mut logits);
            logits
        });
        Ok(scores.collect())
    }
}

/// Labels with their scores, the best first.
pub(super) fn ranked(labels: &[impl AsRef<str>], scores: &[f32]) -> Vec<Label> {
    let pairs = labels.iter().zip(scores).enumerate();
    let labels = pairs.map(|(index, (label, score))| Label {
        label: label.as_ref().to_owned(),
        score: *score,
        index,
    });
    let mut labels: Vec<Label> = labels.collect();
    labels.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
    labels
}
