use std::ops::Range;
use std::path::Path;

use super::aggregation::{Aggregation, Tag, TaggedToken};
use super::characters::Characters;
use super::overlap::{self, Surest};
use super::tag_scheme::TagScheme;
use super::text_model::TextModel;
use super::windows::{LongText, NoRoom, Window, run_windows};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, ScoreFunction, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::{Encoding, Text, TokenOrigin};

/// Finds what texts name: people, places, parts of speech, whatever a checkpoint's token classification tells apart, as
/// transformers' pipeline has it. Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{Entity, TagOptions, Tagger};
///
/// # let folder = "tests/data/spans/bert-tags";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", Tagger::memory_needed(&gpu, folder, &options)?.total());
/// let tagger = Tagger::load(&gpu, folder, &options)?;
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
    pub(super) text_model: TextModel,
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
    pub(super) aggregation: Aggregation,
    pub(super) ignore_labels: Vec<String>,
    pub(super) stride: Option<usize>,
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

    /// Reads a text that is longer than the model takes as a whole, in parts of which each shares so many tokens with the
    /// next, rather than its beginning alone. Of entities of different parts that overlap, the longest is given, of equally
    /// long ones the surest, as by transformers' `stride`; without aggregation a token has the label of the surest part.
    /// Of single texts: a pair is [`Error::Input`].
    ///
    /// ```
    /// # use wgformer::{models::ModelOptions, tasks::{TagOptions, Tagger}};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-tags");
    /// # let tagger = Tagger::load(&gpu, folder, &ModelOptions::default())?;
    /// let text = "Ada met Charles in London. ".repeat(20);
    /// let all = TagOptions::default().stride(16).ignore_labels::<&str>([]);
    /// let entities = &tagger.tag(&[&text], &all)?[0];
    /// assert_eq!(entities.last().map(|entity| entity.end), Some(text.trim_end().len()));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn stride(self, tokens: usize) -> Self {
        Self {
            stride: Some(tokens),
            ..self
        }
    }
}

impl Default for TagOptions {
    fn default() -> Self {
        Self {
            aggregation: Aggregation::default(),
            ignore_labels: vec!["O".to_owned()],
            stride: None,
        }
    }
}

/// A part of a text, and what it is.
///
/// See [`Tagger`]. Of a pair both texts are read together and tagged; an entity is of one of them:
///
/// ```
/// # use wgformer::tasks::{Entity, TagOptions, Tagger};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-tags");
/// # let tagger = Tagger::load(&gpu, folder, &Default::default())?;
/// let pair = ["Who met Ada?", "Charles met Ada in London."];
/// for Entity { sequence, start, end, label, .. } in &tagger.tag([(pair[0], pair[1])], &TagOptions::default())?[0] {
///     println!("{label}: characters {start} to {end} of {:?}", pair[*sequence]);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entity {
    /// Its label's name, from `id2label`, without `B-`, `I-` and the like unless it is a single token's.
    pub label: String,
    /// How sure the model is of it, from 0 to 1: the mean over its tokens, or its words.
    pub score: f32,
    /// Which of a pair of texts it is of, 0 for the first and 1 for the second; 0 of a single text.
    pub sequence: usize,
    /// Its first character, counted in characters, not bytes, from the start of the text.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// The text from `start` to `end`.
    pub text: String,
    /// From the place of its first word among the text's to behind that of its last, if the tokenizer says where words
    /// are: as it counts them, [`TokenOrigin::word_id`], a word of its own for most punctuation.
    pub words: Option<Range<usize>>,
}

impl Tagger {
    /// Loads a checkpoint with a head for token classification.
    ///
    /// # Errors
    /// As [`Model::load`], [`crate::Error::HeadMissing`] if it has no such head, and [`crate::Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let head = Head::TokenClassification;
        let text_model = TextModel::load(gpu, &own, head, options)?;
        Ok(Self { text_model })
    }

    /// What [`Tagger::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`Model::memory_needed`].
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        TextModel::memory_needed(gpu, &own, Head::TokenClassification, options)
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

    /// The entities of each text, or of both texts of each pair, in its order; what is longer than the model takes is cut,
    /// unless [`TagOptions::stride`] says how to read on. A second text that is empty is none.
    ///
    /// # Errors
    /// As [`Embedder::embed`](super::Embedder::embed), and [`Error::Input`] if the stride leaves no room for more, or is for
    /// a pair.
    pub fn tag<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        options: &TagOptions,
    ) -> Result<Vec<Vec<Entity>>> {
        self.text_model.block_on(self.tag_async(texts, options))
    }

    /// [`Tagger::tag`] with a deadline, or somebody who is told after each batch how many texts, or with
    /// [`TagOptions::stride`] parts of texts, are done.
    ///
    /// # Errors
    /// As [`Tagger::tag`], and [`crate::Error::Deadline`].
    pub fn tag_with<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        options: &TagOptions,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Entity>>> {
        self.text_model
            .block_on(self.tag_with_async(texts, options, control))
    }

    /// [`Tagger::tag`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Tagger::tag`].
    pub async fn tag_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        options: &TagOptions,
    ) -> Result<Vec<Vec<Entity>>> {
        self.tag_with_async(texts, options, Control::new()).await
    }

    /// [`Tagger::tag_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Tagger::tag_with`].
    pub async fn tag_with_async<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        options: &TagOptions,
        mut control: Control<'_>,
    ) -> Result<Vec<Vec<Entity>>> {
        let texts = Text::all_without_empty_second(texts);
        let deadline = control.due();
        let tagged = async {
            let encode = |some: &[Text<'_>]| self.encode(some, options);
            let encodings = self.text_model.encode_in_turns(&texts, encode).await?;
            let long = encodings.into_iter().map(|it| LongText::new(it, 0));
            let long: Vec<LongText> = long.collect();
            let windows = self.windows(&long, options.stride)?;
            let mut found: Vec<Found<'_>> = texts.iter().map(|text| Found::new(*text)).collect();
            let reader = Reader::new(self, options.aggregation);
            let report = |done| control.report(done, windows.len());
            let add = |window: &Window, ids: &[u32], logits: Vec<f32>| {
                reader.read(
                    &mut found[window.text],
                    &long[window.text],
                    window,
                    ids,
                    logits,
                );
            };
            run_windows(&self.text_model, &long, &windows, report, add).await?;
            let found = found.into_iter();
            Ok(found
                .map(|it| it.entities(&options.ignore_labels))
                .collect())
        };
        self.model().plan().gpu().before(deadline, tagged).await
    }

    /// The tokens of each text: as many as the model takes, or all where a stride says how to read on.
    ///
    /// # Errors
    /// [`Error::Tokenizer`]; [`Error::Input`] for a pair with a stride.
    pub(super) fn encode(&self, texts: &[Text<'_>], options: &TagOptions) -> Result<Vec<Encoding>> {
        let tokenizer = &self.text_model.tokenizer;
        if options.stride.is_none() {
            return tokenizer.encode_with_origins(texts);
        }
        if texts.iter().any(|text| matches!(text, Text::Pair(..))) {
            return Err(Error::Input {
                name: "stride".to_owned(),
                message: "is for single texts, and there is a pair: leave it out, so that what is too long is cut"
                    .to_owned(),
            });
        }
        tokenizer.encode_more_than(usize::MAX, texts)
    }

    /// What is read of all texts, one after another.
    ///
    /// # Errors
    /// [`Error::TooLong`], if long texts are refused; [`Error::Input`] for too large a stride.
    fn windows(&self, texts: &[LongText], stride: Option<usize>) -> Result<Vec<Window>> {
        let most = self.text_model.max_tokens();
        let mut all = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            let (windows, is_long) = self.windows_of(index, text, stride)?;
            if is_long && self.text_model.refuses_long_texts() {
                return Err(Error::TooLong { index, most });
            }
            all.extend(windows);
        }
        Ok(all)
    }

    /// What is read of text `index`, and whether there is more of it than the model takes.
    ///
    /// # Errors
    /// [`Error::Input`] for too large a stride.
    pub(super) fn windows_of(
        &self,
        index: usize,
        text: &LongText,
        stride: Option<usize>,
    ) -> Result<(Vec<Window>, bool)> {
        let (most, overlap) = (self.text_model.max_tokens(), stride.unwrap_or(0));
        let windows = text.windows(index, most, overlap);
        let windows = windows.map_err(|NoRoom(needed)| Error::Input {
            name: "stride".to_owned(),
            message: format!(
                "of {overlap} tokens needs {needed} with special ones and one more, and the model takes {most}"
            ),
        })?;
        let is_long = text.is_cut() || windows.len() > 1;
        Ok((windows, is_long))
    }
}

/// What was found so far in a text, or in each of a pair.
pub(super) struct Found<'a>(Vec<FoundInText<'a>>);

struct FoundInText<'a> {
    text: Characters<'a>,
    windows: usize,
    /// Of all windows.
    entities: Vec<Tag<'a>>,
    /// Where each token is for itself.
    tokens: Surest<'a>,
}

impl<'a> Found<'a> {
    pub(super) fn new(text: Text<'a>) -> Self {
        let texts = match text {
            Text::One(text) => vec![text],
            Text::Pair(first, second) => vec![first, second],
        };
        Self(texts.into_iter().map(FoundInText::new).collect())
    }

    pub(super) fn entities(self, ignored: &[String]) -> Vec<Entity> {
        let texts = self.0.into_iter().enumerate();
        texts
            .flat_map(|(sequence, found)| found.entities(sequence, ignored))
            .collect()
    }
}

impl<'a> FoundInText<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: Characters::of(text),
            windows: 0,
            entities: Vec::new(),
            tokens: Surest::default(),
        }
    }

    fn entities(mut self, sequence: usize, ignored: &[String]) -> Vec<Entity> {
        let is_wanted = |tag: &Tag<'_>| ignored.iter().all(|no| no != tag.label);
        // First, as the pipeline has it: what is left out is in nobody's way.
        self.entities.retain(is_wanted);
        let mut entities = match self.windows {
            0 | 1 => self.entities,
            _ => overlap::longest(self.entities),
        };
        entities.extend(self.tokens.tags().into_iter().filter(is_wanted));
        let entity = entities.into_iter().map(|it| Entity {
            label: it.label.to_owned(),
            score: it.score,
            sequence,
            start: it.start,
            end: it.end,
            text: self.text.slice(it.start, it.end).to_owned(),
            words: it.words,
        });
        entity.collect()
    }
}

/// Reads what a model says of windows.
pub(super) struct Reader<'a> {
    tagger: &'a Tagger,
    labels: &'a [String],
    aggregation: Aggregation,
    scheme: TagScheme,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tagger: &'a Tagger, aggregation: Aggregation) -> Self {
        let labels = tagger.model().labels();
        Self {
            tagger,
            labels,
            aggregation,
            scheme: TagScheme::of(labels),
        }
    }

    /// `logits`: `[tokens, labels]`, of a window of the text. No entity is of both texts of a pair.
    pub(super) fn read(
        &self,
        found: &mut Found<'a>,
        text: &LongText,
        window: &Window,
        ids: &[u32],
        mut logits: Vec<f32>,
    ) {
        let origins = text.origins(&window.part);
        let first = text.place(&window.part).start;
        for (sequence, found) in found.0.iter_mut().enumerate() {
            let rows = logits.chunks_exact_mut(self.labels.len()).enumerate();
            let ordinary = rows.filter(|(place, _)| {
                let origin = origins[*place];
                !origin.is_special && origin.sequence_id.unwrap_or(0) == sequence
            });
            let (mut places, mut tokens) = (Vec::new(), Vec::new());
            for (place, logits) in ordinary {
                ScoreFunction::Softmax.score(logits);
                let origin = origins[place];
                let is_subword = self.aggregation.is_by_word()
                    && self.is_subword(&found.text, ids[place], origin);
                places.push(window.part.start + place - first);
                tokens.push(TaggedToken {
                    scores: logits.to_vec(),
                    start: origin.start,
                    end: origin.end,
                    is_subword,
                    word: origin.word_id.map(|word| word as usize),
                });
            }
            let tags = self.aggregation.entities(&tokens, self.labels, self.scheme);
            found.windows += 1;
            if self.aggregation == Aggregation::None {
                let tags = places.into_iter().zip(tags);
                tags.for_each(|(place, tag)| found.tokens.add(place, tag));
            } else {
                found.entities.extend(tags);
            }
        }
    }

    /// Whether a token goes on with a word: as transformers tells it, where the vocabulary marks such tokens by their
    /// length, which the mark adds to, and elsewhere by whether there is a space before.
    fn is_subword(&self, text: &Characters<'_>, id: u32, origin: TokenOrigin) -> bool {
        let TokenOrigin { start, end, .. } = origin;
        let tokenizer = &self.tagger.text_model.tokenizer;
        if tokenizer.unknown_id() == Some(id) {
            return false;
        }
        if tokenizer.marks_subwords() {
            let token = tokenizer.token(id).unwrap_or_default();
            return token.chars().count() != end.saturating_sub(start);
        }
        start > 0 && !text.slice(start - 1, start + 1).contains(' ')
    }
}
