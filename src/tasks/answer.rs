use std::path::Path;

use super::found_answers::{Found, ReadWindow};
use super::text_model::TextModel;
use super::windows::{LongText, NoRoom, Window, run_windows};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::text::Text;

/// Finds the answer to a question in a text, its context, as transformers' question answering pipeline does (that of
/// version 4, its last). Clones share the model, from any thread.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tasks::{Answer, AnswerOptions, Answerer};
///
/// # let folder = "tests/data/spans/bert-answers";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// println!("{} bytes", Answerer::memory_needed(&gpu, folder, &options)?.total());
/// let answerer = Answerer::load(&gpu, folder, &options)?;
/// println!("up to {} tokens at once", answerer.model().max_tokens());
/// let question = ("Where did they meet?", "Ada met Charles in London.");
/// for answer in &answerer.answer([question], &AnswerOptions::default())?[0] {
///     let Answer { text, score, start, end, .. } = answer;
///     println!("{score:.3} {text:?}, characters {start} to {end}");
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// With a deadline, and without blocking the thread:
///
/// ```
/// # use wgformer::{plan::Control, tasks::{AnswerOptions, Answerer}};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/spans/bert-answers");
/// # let answerer = Answerer::load(&gpu, folder, &Default::default())?;
/// # let (question, options) = (("Who met Ada?", "Ada met Charles."), AnswerOptions::default());
/// let soon = || Control::new().timeout(std::time::Duration::from_secs(60));
/// let answers = answerer.answer_with([question], &options, soon())?;
/// # pollster::block_on(async {
/// assert_eq!(answerer.answer_with_async([question], &options, soon()).await?, answers);
///
/// let answerer = Answerer::load_async(&gpu, folder, &Default::default()).await?;
/// let another = wgformer::Gpu::new()?; // after the first was lost
/// let answerer = answerer.recover(&another)?.recover_async(&another).await?;
/// assert_eq!(answerer.answer_async([question], &options).await?, answers);
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Answerer {
    pub(super) text_model: TextModel,
}

/// How answers are looked for; the names are those of transformers.
///
/// ```
/// use wgformer::tasks::AnswerOptions;
///
/// let options = AnswerOptions::default()
///     .top_k(3)
///     .max_answer_len(30)
///     .max_seq_len(256)
///     .doc_stride(64)
///     .handle_impossible_answer(true)
///     .align_to_words(false);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnswerOptions {
    pub(super) top_k: usize,
    pub(super) max_answer_len: usize,
    max_seq_len: Option<usize>,
    doc_stride: Option<usize>,
    pub(super) handle_impossible_answer: bool,
    pub(super) align_to_words: bool,
}

impl AnswerOptions {
    /// The most answers that are given, 1 by default.
    #[must_use]
    pub fn top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// The longest answer, in tokens, before it is brought to whole words; 15 by default.
    #[must_use]
    pub fn max_answer_len(self, max_answer_len: usize) -> Self {
        Self {
            max_answer_len,
            ..self
        }
    }

    /// The most tokens of question and context together, special tokens included: 384 by default, and never more than
    /// the model takes. A longer context is read in parts.
    #[must_use]
    pub fn max_seq_len(self, max_seq_len: usize) -> Self {
        Self {
            max_seq_len: Some(max_seq_len),
            ..self
        }
    }

    /// How many tokens of a context are in one part and in the next too: 128 by default, or half of
    /// [`AnswerOptions::max_seq_len`] if that is less.
    #[must_use]
    pub fn doc_stride(self, doc_stride: usize) -> Self {
        Self {
            doc_stride: Some(doc_stride),
            ..self
        }
    }

    /// Whether one answer is the empty one, with the score that there is none in the context; by default not.
    #[must_use]
    pub fn handle_impossible_answer(self, handle_impossible_answer: bool) -> Self {
        Self {
            handle_impossible_answer,
            ..self
        }
    }

    /// Whether an answer begins and ends with whole words, as it does by default.
    #[must_use]
    pub fn align_to_words(self, align_to_words: bool) -> Self {
        Self {
            align_to_words,
            ..self
        }
    }

    /// How many spans of each part are looked at: brought to whole words, several may be the same.
    pub(super) fn spans(&self) -> usize {
        if self.align_to_words {
            self.top_k.saturating_mul(2).saturating_add(10)
        } else {
            self.top_k
        }
    }

    /// The parts of all contexts, one question after another.
    ///
    /// # Errors
    /// [`Error::Limit`] for a question that leaves no room.
    fn windows(&self, questions: &[LongText], model: &Model) -> Result<Vec<Window>> {
        let windows = questions.iter().enumerate();
        let windows = windows.map(|(question, asked)| {
            let name = format!("question {question}");
            self.windows_of(question, &name, asked, model)
        });
        Ok(windows.collect::<Result<Vec<_>>>()?.concat())
    }

    /// The parts of the context of a question of this number, and how errors call it.
    ///
    /// # Errors
    /// [`Error::Limit`] if it leaves no room.
    pub(super) fn windows_of(
        &self,
        question: usize,
        name: &str,
        asked: &LongText,
        model: &Model,
    ) -> Result<Vec<Window>> {
        let most = self.max_seq_len.unwrap_or(MAX_SEQ_LEN);
        let most = most.min(model.max_tokens());
        let stride = self.doc_stride.unwrap_or(DOC_STRIDE.min(most / 2));
        let windows = asked.windows(question, most, stride);
        windows.map_err(|NoRoom(needed)| Error::Limit {
            thing: format!(
                "{name}, whose context does not fit, with special tokens and an overlap of {stride}"
            ),
            needed: needed as u64,
            allowed: most as u64,
            unit: "tokens",
            advice: "ask a shorter question, or let windows overlap less (`doc_stride`)",
        })
    }
}

const MAX_SEQ_LEN: usize = 384;
const DOC_STRIDE: usize = 128;

impl Default for AnswerOptions {
    fn default() -> Self {
        Self {
            top_k: 1,
            max_answer_len: 15,
            max_seq_len: None,
            doc_stride: None,
            handle_impossible_answer: false,
            align_to_words: true,
        }
    }
}

/// A part of a context that may answer the question.
///
/// See [`Answerer`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The context from `start` to `end`; empty where it says that there is no answer.
    pub text: String,
    /// How sure the model is of it. Scores of the same text, but for upper and lower case, are added up, wherever in the
    /// context it is, so that the sum may exceed 1.
    pub score: f32,
    /// Its first character, counted in characters, not bytes, from the start of the context; of the same text in several
    /// places, one of them.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
}

impl Answerer {
    /// Loads a checkpoint with a head for question answering.
    ///
    /// # Errors
    /// As [`Model::load`], [`Error::HeadMissing`] if it has no such head, and [`Error::Tokenizer`].
    pub fn load(gpu: &Gpu, directory: impl AsRef<Path>, options: &ModelOptions) -> Result<Self> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        let head = Head::QuestionAnswering;
        let text_model = TextModel::load(gpu, &own, head, options)?;
        Ok(Self { text_model })
    }

    /// What [`Answerer::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`Model::memory_needed`].
    pub fn memory_needed(
        gpu: &Gpu,
        directory: impl AsRef<Path>,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let own = SentenceTransformer::read(directory.as_ref())?;
        TextModel::memory_needed(gpu, &own, Head::QuestionAnswering, options)
    }

    /// [`Answerer::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Answerer::load`].
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

    /// [`Answerer::recover`], on a thread of its own, without blocking this one.
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

    /// The answers to each question with its context, the best first: at most [`AnswerOptions::top_k`], and none of a
    /// context without a word. A context is read as a whole, however long it is.
    ///
    /// # Errors
    /// [`Error::Limit`] for a question that leaves no room for its context, and as
    /// [`Embedder::embed`](super::Embedder::embed).
    pub fn answer<'a>(
        &self,
        questions: impl IntoIterator<Item = (&'a str, &'a str)>,
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Answer>>> {
        self.text_model
            .block_on(self.answer_async(questions, options))
    }

    /// [`Answerer::answer`] with a deadline, or somebody who is told after each batch how many parts of contexts are
    /// read.
    ///
    /// # Errors
    /// As [`Answerer::answer`], and [`Error::Deadline`].
    pub fn answer_with<'a>(
        &self,
        questions: impl IntoIterator<Item = (&'a str, &'a str)>,
        options: &AnswerOptions,
        control: Control<'_>,
    ) -> Result<Vec<Vec<Answer>>> {
        self.text_model
            .block_on(self.answer_with_async(questions, options, control))
    }

    /// [`Answerer::answer`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Answerer::answer`].
    pub async fn answer_async<'a>(
        &self,
        questions: impl IntoIterator<Item = (&'a str, &'a str)>,
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Answer>>> {
        let control = Control::new();
        self.answer_with_async(questions, options, control).await
    }

    /// [`Answerer::answer_with`], without blocking the thread while the GPU works.
    ///
    /// # Errors
    /// As [`Answerer::answer_with`].
    pub async fn answer_with_async<'a>(
        &self,
        questions: impl IntoIterator<Item = (&'a str, &'a str)>,
        options: &AnswerOptions,
        mut control: Control<'_>,
    ) -> Result<Vec<Vec<Answer>>> {
        let questions: Vec<(&str, &str)> = questions.into_iter().collect();
        let texts: Vec<Text<'_>> = questions.iter().copied().map(Text::from).collect();
        let deadline = control.due();
        let answers = async {
            let encodings = self.text_model.encode_more_than(usize::MAX, &texts).await?;
            let asked = encodings.into_iter().map(|it| LongText::new(it, 1));
            let asked: Vec<LongText> = asked.collect();
            let windows = options.windows(&asked, self.model())?;
            let contexts = questions.iter().map(|(_, context)| *context);
            let mut found: Vec<Found<'_>> = contexts.map(Found::new).collect();
            let report = |done| control.report(done, windows.len());
            let add = |window: &Window, ids: &[u32], logits: Vec<f32>| {
                let read = ReadWindow::new(&asked[window.text], &window.part, ids);
                found[window.text].add(&read, &logits, options);
            };
            run_windows(&self.text_model, &asked, &windows, report, add).await?;
            Ok(found.into_iter().map(|it| it.best(options)).collect())
        };
        self.model().plan().gpu().before(deadline, answers).await
    }
}
