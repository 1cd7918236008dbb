use std::path::Path;

use super::aggregation::{Aggregation, TaggedToken};
use super::characters::Characters;
use super::text_model::TextModel;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::plan::Control;
use crate::text::{Encoding, Text, TokenOrigin};

/// Finds what texts name: people, places, parts of speech, whatever a checkpoint's token classification tells apart, as
/// transformers' pipeline has it. Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{Entity, TagOptions, Tagger};
///
/// # let folder = "tests/data/spans/bert-tags";
/// let gpu = wgformer::Gpu::new()?;
/// let tagger = Tagger::load(&gpu, folder, &ModelOptions::default())?;
/// println!("{} labels", tagger.model().labels().len());
/// let text = "Ada met Charles in London.";
/// for entity in &tagger.tag(&[text], &TagOptions::default())?[0] {
///     let Entity { label, score, start, end, text, .. } = entity;
///     println!("{label} {score:.3}: {text:?}, characters {start} to {end}");
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// With a deadline, and without blocking the thread:
///
/// ```
/// # use wgformer::{plan::Control, tasks::{TagOptions, Tagger}};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-tags");
/// # let tagger = Tagger::load(&gpu, folder, &Default::default())?;
/// # let (texts, options) = (["Ada met Charles."], TagOptions::default());
/// let soon = || Control::new().timeout(std::time::Duration::from_secs(60));
/// let tagged = tagger.tag_with(&texts, &options, soon())?;
/// # pollster::block_on(async {
/// assert_eq!(tagger.tag_with_async(&texts, &options, soon()).await?, tagged);
///
/// let tagger = Tagger::load_async(&gpu, folder, &Default::default()).await?;
/// let another = wgformer::Gpu::new()?; // after the first was lost
/// let tagger = tagger.recover(&another)?.recover_async(&another).await?;
/// assert_eq!(tagger.tag_async(&texts, &options).await?, tagged);
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tagger {
    text_model: TextModel,
}

/// What becomes of the tags of tokens.
///
/// ```
/// use wgformer::tasks::{Aggregation, TagOptions};
///
/// // Every token with its label, those of no entity too.
/// let tokens = TagOptions::default()
///     .aggregation(Aggregation::None)
///     .ignore_labels::<&str>([]);
/// # let _ = tokens;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TagOptions {
    aggregation: Aggregation,
    ignore_labels: Vec<String>,
}

impl TagOptions {
    /// How tags of tokens become entities; [`Aggregation::Simple`] by default.
    #[must_use]
    pub fn aggregation(self, aggregation: Aggregation) -> Self {
        Self {
            aggregation,
            ..self
        }
    }

    /// The labels that are left out, as an [`Entity`] has them; `O` by default.
    #[must_use]
    pub fn ignore_labels<S: Into<String>>(self, labels: impl IntoIterator<Item = S>) -> Self {
        Self {
            ignore_labels: labels.into_iter().map(Into::into).collect(),
            ..self
        }
    }
}

impl Default for TagOptions {
    fn default() -> Self {
        Self {
            aggregation: Aggregation::default(),
            ignore_labels: vec!["O".to_owned()],
        }
    }
}

/// A part of a text, and what it is.
///
/// See [`Tagger`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entity {
    /// Its label's name, from `id2label`, without `B-` and `I-` unless it is a single token's.
    pub label: String,
    /// How sure the model is of it, from 0 to 1: the mean over its tokens, or its words.
    pub score: f32,
    /// Its first character, counted in characters, not bytes, from the start of the text.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// The text from `start` to `end`.
    pub text: String,
}

impl Tagger {
    /// Loads a checkpoint with a head for token classification.
    ///
    /// # Errors
    /// As [`Model::load`], [`crate::Error::HeadMissing`] if it has no such head, and [`crate::Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let text_model = TextModel::load(gpu, &own, Head::TokenClassification, options)?;
        Ok(Self { text_model })
    }

    /// [`Tagger::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Tagger::load`].
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
        })
    }

    /// [`Tagger::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            text_model: self.text_model.recover_async(gpu).await?,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.text_model.model
    }

    /// The entities of each text, in its order; a text is cut to the model's length.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed).
    pub fn tag<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &TagOptions,
    ) -> Result<Vec<Vec<Entity>>> {
        pollster::block_on(self.tag_async(texts, options))
    }

    /// [`Tagger::tag`] with a deadline, or somebody who is told after each batch how many texts are done.
    ///
    /// # Errors
    /// As [`Tagger::tag`], and [`crate::Error::Deadline`].
    pub fn tag_with<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &TagOptions,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Entity>>> {
        pollster::block_on(self.tag_with_async(texts, options, control))
    }

    /// [`Tagger::tag`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Tagger::tag`].
    pub async fn tag_async<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &TagOptions,
    ) -> Result<Vec<Vec<Entity>>> {
        self.tag_with_async(texts, options, Control::new()).await
    }

    /// [`Tagger::tag_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Tagger::tag_with`].
    pub async fn tag_with_async<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &TagOptions,
        mut control: Control<'_>,
    ) -> Result<Vec<Vec<Entity>>> {
        let inputs: Vec<Text<'_>> = texts.iter().map(Text::from).collect();
        let deadline = control.due();
        let tagged = async {
            let encodings = self.text_model.encode_with_origins(&inputs).await?;
            let split = |Encoding { tokens, origins }| (tokens, origins);
            let (tokens, origins): (Vec<_>, Vec<_>) = encodings.into_iter().map(split).unzip();
            let report = |done| control.report(done, inputs.len());
            let outputs = self.text_model.outputs_of(&tokens, report).await?;
            let entities = outputs.into_iter().enumerate().map(|(place, output)| {
                let reader = Reader {
                    tagger: self,
                    text: Characters::of(texts[place].as_ref()),
                    ids: &tokens[place].ids,
                    origins: &origins[place],
                };
                reader.entities(output.values, options)
            });
            Ok(entities.collect())
        };
        self.model().plan().gpu().before(deadline, tagged).await
    }
}

/// A text, and what the tokenizer made of it.
struct Reader<'a> {
    tagger: &'a Tagger,
    text: Characters<'a>,
    ids: &'a [u32],
    origins: &'a [TokenOrigin],
}

impl Reader<'_> {
    /// `logits`: `[tokens, labels]`.
    fn entities(&self, mut logits: Vec<f32>, options: &TagOptions) -> Vec<Entity> {
        let labels = self.tagger.model().labels();
        let aggregation = options.aggregation;
        let rows = logits.chunks_exact_mut(labels.len()).enumerate();
        let ordinary = rows.filter(|(place, _)| !self.origins[*place].is_special);
        let tokens = ordinary.map(|(place, logits)| {
            ScoreFunction::Softmax.score(logits);
            TaggedToken {
                scores: logits.to_vec(),
                start: self.origins[place].start,
                end: self.origins[place].end,
                is_subword: aggregation.is_by_word() && self.is_subword(place),
            }
        });
        let tokens: Vec<TaggedToken> = tokens.collect();
        let entities = aggregation.entities(&tokens, labels).into_iter();
        let wanted = entities.filter(|it| options.ignore_labels.iter().all(|no| no != it.label));
        let entity = wanted.map(|it| Entity {
            label: it.label.to_owned(),
            score: it.score,
            start: it.start,
            end: it.end,
            text: self.text.slice(it.start, it.end).to_owned(),
        });
        entity.collect()
    }

    /// Whether a token goes on with a word: as transformers tells it, where the vocabulary marks such tokens by their
    /// length, which the mark adds to, and elsewhere by whether there is a space before.
    fn is_subword(&self, place: usize) -> bool {
        let TokenOrigin { start, end, .. } = self.origins[place];
        let tokenizer = &self.tagger.text_model.tokenizer;
        let id = self.ids[place];
        if tokenizer.unknown_id() == Some(id) {
            return false;
        }
        if tokenizer.marks_subwords() {
            let token = tokenizer.token(id).unwrap_or_default();
            return token.chars().count() != end.saturating_sub(start);
        }
        start > 0 && !self.text.slice(start - 1, start + 1).contains(' ')
    }
}
