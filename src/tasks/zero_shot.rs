use std::path::Path;

use super::Label;
use super::classify::ranked;
use super::text_model::TextModel;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::{Text, Tokenizer};

/// Tells which of any labels a text has, by a model that was trained to tell whether one sentence follows from another
/// (Yin and others, 2019). Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{ZeroShot, ZeroShotOptions};
///
/// # let folder = "tests/data/tasks/inference";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", ZeroShot::memory_needed(&gpu, folder, &options)?.total());
/// let model = ZeroShot::load(&gpu, folder, &options)?;
/// let options = ZeroShotOptions::default().template("This text is about {}.");
/// let found = model.classify(&["The match ended in a draw."], &["sport", "politics"], &options)?;
/// println!("{} {:.3}", found[0][0].label, found[0][0].score);
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, models::ModelOptions, plan::Control};
/// # use wgformer::tasks::{ZeroShot, ZeroShotOptions};
/// # let (folder, options) = ("tests/data/tasks/inference", ModelOptions::default());
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let model = ZeroShot::load_async(&gpu, folder, &options).await?;
/// let (texts, labels) = (["It rained."], ["sport", "weather"]);
/// let options = ZeroShotOptions::default().multi_label(true);
/// let found = model.classify_async(&texts, &labels, &options).await?;
///
/// let in_time = || Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(model.classify_with(&texts, &labels, &options, in_time())?, found);
/// let again = model.classify_with_async(&texts, &labels, &options, in_time());
/// assert_eq!(again.await?, found);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = model.recover(&another)?;
/// let recovered = recovered.recover_async(&another).await?;
/// println!("{} bytes", recovered.model().memory().total());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZeroShot {
    pub(super) text_model: TextModel,
    /// The place of the logit that says that the second sentence follows.
    entailment: usize,
    /// The place of the one that says that it contradicts.
    contradiction: usize,
}

/// What is asked of a [`ZeroShot`] model.
///
/// ```
/// use wgformer::tasks::ZeroShotOptions;
///
/// let options = ZeroShotOptions::default()
///     .template("This text is about {}.")
///     .multi_label(true);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ZeroShotOptions {
    pub(super) template: String,
    pub(super) multi_label: bool,
}

impl ZeroShotOptions {
    /// The sentence that is to follow from the text, with `{}` where the label is to stand: `This example is {}.` by
    /// default.
    #[must_use]
    pub fn template(self, template: impl Into<String>) -> Self {
        Self {
            template: template.into(),
            ..self
        }
    }

    /// Whether any number of labels may be right, each with a probability of its own, rather than one of them.
    #[must_use]
    pub fn multi_label(self, multi_label: bool) -> Self {
        Self {
            multi_label,
            ..self
        }
    }
}

impl Default for ZeroShotOptions {
    fn default() -> Self {
        Self {
            template: "This example is {}.".to_owned(),
            multi_label: false,
        }
    }
}

impl ZeroShot {
    /// Loads a checkpoint with a label whose name begins with `entail`.
    ///
    /// # Errors
    /// As [`Model::load`], [`Error::Input`] if it has no such label, and [`Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let head = Head::SequenceClassification;
        // A hypothesis is never cut, for its end may be the label.
        let open = |folder: &Path, model: &Model| {
            Ok(Tokenizer::open(folder, model.max_tokens())?.cutting_the_first())
        };
        let text_model = TextModel::load_with(gpu, &own, head, options, open)?;
        let labels = text_model.model.labels();
        let named = |start: &str| {
            let is_it = |label: &String| label.to_lowercase().starts_with(start);
            labels.iter().position(is_it)
        };
        let Some(entailment) = named("entail") else {
            return Err(Error::Input {
                name: "id2label".to_owned(),
                message: format!(
                    "has no label of inference, which begins with \"entail\", but {}: take a model for natural language inference",
                    labels.join(", ")
                ),
            });
        };
        // As transformers has it where no label is called so.
        let other = if entailment == 0 { labels.len() - 1 } else { 0 };
        Ok(Self {
            entailment,
            contradiction: named("contra").unwrap_or(other),
            text_model,
        })
    }

    /// What [`ZeroShot::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`Model::memory_needed`].
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        TextModel::memory_needed(gpu, &own, Head::SequenceClassification, options)
    }

    /// [`ZeroShot::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`ZeroShot::load`].
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

    /// [`ZeroShot::recover`], on a thread of its own, without blocking this one.
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

    /// Every label of each text, the best first.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed), and [`Error::Input`] if the template has no `{}` or there is no
    /// label.
    pub fn classify<T: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[T],
        labels: &[L],
        options: &ZeroShotOptions,
    ) -> Result<Vec<Vec<Label>>> {
        self.classify_with(texts, labels, options, Control::new())
    }

    /// [`ZeroShot::classify`] with a deadline, or somebody who is told after each batch how many pairs of a text and a
    /// label are done.
    ///
    /// # Errors
    /// As [`ZeroShot::classify`], and [`Error::Deadline`].
    pub fn classify_with<T: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[T],
        labels: &[L],
        options: &ZeroShotOptions,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Label>>> {
        self.text_model
            .block_on(self.classify_with_async(texts, labels, options, control))
    }

    /// [`ZeroShot::classify`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`ZeroShot::classify`].
    pub async fn classify_async<T: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[T],
        labels: &[L],
        options: &ZeroShotOptions,
    ) -> Result<Vec<Vec<Label>>> {
        let control = Control::new();
        self.classify_with_async(texts, labels, options, control)
            .await
    }

    /// [`ZeroShot::classify_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`ZeroShot::classify_with`].
    pub async fn classify_with_async<T: AsRef<str>, L: AsRef<str>>(
        &self,
        texts: &[T],
        labels: &[L],
        options: &ZeroShotOptions,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Label>>> {
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        let hypotheses = hypotheses(&labels, &options.template)?;
        let pairs = texts.iter().flat_map(|text| {
            let pair = |hypothesis| Text::Pair(text.as_ref(), hypothesis);
            hypotheses.iter().map(move |hypothesis| pair(hypothesis))
        });
        let pairs: Vec<Text<'_>> = pairs.collect();
        let outputs = self.text_model.outputs(&pairs, control).await;
        let outputs = outputs.map_err(|error| error.renumbered(|pair| pair / labels.len()))?;
        let logits: Vec<Vec<f32>> = outputs.into_iter().map(|output| output.values).collect();
        let texts = logits.chunks(labels.len());
        Ok(texts
            .map(|logits| ranked(&labels, &self.scores(logits, options.multi_label)))
            .collect())
    }

    /// The sentence that takes most room beside a text.
    ///
    /// # Errors
    /// As [`ZeroShot::classify`].
    pub(super) fn longest_hypothesis<L: AsRef<str>>(
        &self,
        labels: &[L],
        options: &ZeroShotOptions,
    ) -> Result<String> {
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        let hypotheses = hypotheses(&labels, &options.template)?;
        let pairs = hypotheses.iter().map(|it| Text::Pair("", it));
        let tokens = self.text_model.tokenize(&pairs.collect::<Vec<_>>())?;
        let counted = tokens.iter().zip(hypotheses);
        let longest = counted.max_by_key(|(tokens, _)| tokens.ids.len());
        Ok(longest.map_or_else(String::new, |(_, hypothesis)| hypothesis))
    }

    /// The score of each label, from its own logits.
    pub(super) fn scores(&self, logits: &[Vec<f32>], multi_label: bool) -> Vec<f32> {
        // With one label there is nothing to choose from.
        if multi_label || logits.len() == 1 {
            let score = |logits: &Vec<f32>| {
                let mut pair = [logits[self.contradiction], logits[self.entailment]];
                ScoreFunction::Softmax.score(&mut pair);
                pair[1]
            };
            return logits.iter().map(score).collect();
        }
        let mut scores: Vec<f32> = logits.iter().map(|it| it[self.entailment]).collect();
        ScoreFunction::Softmax.score(&mut scores);
        scores
    }
}

pub(super) fn hypotheses(labels: &[&str], template: &str) -> Result<Vec<String>> {
    let refused = |name: &str, message: &str| Error::Input {
        name: name.to_owned(),
        message: message.to_owned(),
    };
    if labels.is_empty() {
        return Err(refused("labels", "are none: name at least one"));
    }
    if !template.contains("{}") {
        return Err(refused("template", "has no {} where a label could stand"));
    }
    Ok(labels
        .iter()
        .map(|label| template.replacen("{}", label, 1))
        .collect())
}
