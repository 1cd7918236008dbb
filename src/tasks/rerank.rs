use std::path::Path;

use super::text_model::TextModel;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::Text;

/// Ranks texts by how well they answer a query: a cross-encoder, which reads both together. Slower than comparing
/// vectors and better, so it is for the best that a search has found. Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{Ranked, Reranker};
///
/// # let folder = "tests/data/tasks/cross-encoder";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", Reranker::memory_needed(&gpu, folder, &options)?.total());
/// let reranker = Reranker::load(&gpu, folder, &options)?;
/// let texts = ["The cat sat on the mat.", "Snow fell all night."];
/// for Ranked { index, score, .. } in reranker.rank("Where did it sit?", &texts)? {
///     println!("{score:.3} {}", texts[index]);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, models::ModelOptions, plan::Control, tasks::Reranker};
/// # let (folder, options) = ("tests/data/tasks/cross-encoder", ModelOptions::default());
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let reranker = Reranker::load_async(&gpu, folder, &options).await?;
/// let (query, texts) = ("a cat", ["a dog", "a cat"]);
/// let ranked = reranker.rank_async(query, &texts).await?;
///
/// let in_time = || Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(reranker.rank_with(query, &texts, in_time())?, ranked);
/// assert_eq!(reranker.rank_with_async(query, &texts, in_time()).await?, ranked);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = reranker.recover(&another)?;
/// let recovered = recovered.recover_async(&another).await?;
/// println!("{} bytes", recovered.model().memory().total());
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reranker {
    pub(super) text_model: TextModel,
    score_function: ScoreFunction,
}

/// A text's place among those that were given, and how well it answers.
///
/// See [`Reranker`] and [`LateInteraction`](super::LateInteraction).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ranked {
    /// Its place.
    pub index: usize,
    /// Of a cross-encoder from 0 to 1, or a logit, as the checkpoint says; of late interaction [`LateInteraction::scores`](super::LateInteraction::scores).
    pub score: f32,
}

impl Reranker {
    /// Loads a checkpoint that classifies pairs and has one label.
    ///
    /// # Errors
    /// As [`Model::load`], [`crate::Error::Input`] if it has more labels, and [`crate::Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let head = Head::SequenceClassification;
        let text_model = TextModel::load(gpu, &own, head, options)?;
        text_model.model.expect_labels(1)?;
        let score_function = text_model.model.cross_encoder_function();
        Ok(Self {
            text_model,
            score_function,
        })
    }

    /// What [`Reranker::load`] would take on the device, and one run of a full batch; nothing is allocated.
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

    /// [`Reranker::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Reranker::load`].
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

    /// [`Reranker::recover`], on a thread of its own, without blocking this one.
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

    /// All texts, the best first; of equal ones the earlier.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed).
    pub fn rank<S: AsRef<str>>(&self, query: &str, texts: &[S]) -> Result<Vec<Ranked>> {
        self.rank_with(query, texts, Control::new())
    }

    /// [`Reranker::rank`] with a deadline, or somebody who is told after each batch how many texts are done.
    ///
    /// # Errors
    /// As [`Reranker::rank`], and [`crate::Error::Deadline`].
    pub fn rank_with<S: AsRef<str>>(
        &self,
        query: &str,
        texts: &[S],
        control: Control<'_>,
    ) -> Result<Vec<Ranked>> {
        self.text_model
            .block_on(self.rank_with_async(query, texts, control))
    }

    /// [`Reranker::rank`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Reranker::rank`].
    pub async fn rank_async<S: AsRef<str>>(&self, query: &str, texts: &[S]) -> Result<Vec<Ranked>> {
        self.rank_with_async(query, texts, Control::new()).await
    }

    /// [`Reranker::rank_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Reranker::rank_with`].
    pub async fn rank_with_async<S: AsRef<str>>(
        &self,
        query: &str,
        texts: &[S],
        control: Control<'_>,
    ) -> Result<Vec<Ranked>> {
        let pair = |text| Text::Pair(query, AsRef::as_ref(text));
        let pairs: Vec<Text<'_>> = texts.iter().map(pair).collect();
        let outputs = self.text_model.outputs(&pairs, control).await?;
        let scores = outputs.into_iter().map(|output| {
            let mut logits = output.values;
            self.score_function.score(&mut logits);
            logits[0]
        });
        Ok(best_first(scores))
    }
}

/// Texts by their scores, of equal ones the earlier first.
pub(super) fn best_first(scores: impl IntoIterator<Item = f32>) -> Vec<Ranked> {
    let ranked = scores.into_iter().enumerate();
    let mut ranked: Vec<Ranked> = ranked
        .map(|(index, score)| Ranked { index, score })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
    ranked
}
