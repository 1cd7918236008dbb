//! A model with its tokenizer: what every task is made of.

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use super::batching::{Pack, pack};
use super::token_form::Form;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Head, Model, ModelOptions, SentenceTransformer};
use crate::plan::{Control, Memory};
use crate::profile::Track;
use crate::text::{Encoding, Text, Tokenizer, Tokens};

/// A model with its tokenizer. Clones share both.
#[derive(Clone, Debug)]
pub(super) struct TextModel {
    pub(super) model: Model,
    pub(super) tokenizer: Arc<Tokenizer>,
    lower_case: bool,
    per_token: bool,
    /// What is put before every text.
    prompt: Arc<str>,
    /// Whether a text that is longer than the model takes is an error, rather than cut.
    refuses_long_texts: bool,
    /// The columns of a row that are kept, and whether it then has length 1.
    kept: Option<(usize, bool)>,
    /// How texts are read instead, and which tokens have a row, for late interaction.
    form: Option<Arc<Form>>,
}

/// A text's part of what a model gives.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// How many tokens the text has, special tokens included, after it was cut to the model's length.
    pub(super) tokens: usize,
    /// Whether it had more.
    pub(super) is_cut: bool,
    /// A row of [`Model::columns`], or one per token.
    pub(super) values: Vec<f32>,
}

impl TextModel {
    /// Loads the model and the tokenizer that a directory names; texts are cut to what the model takes.
    ///
    /// # Errors
    /// As [`Model::load`], and [`Error::Tokenizer`].
    pub(super) fn load(
        gpu: &Gpu,
        own: &SentenceTransformer,
        head: Head,
        options: &ModelOptions,
    ) -> Result<Self> {
        Self::load_with(gpu, own, head, options, |folder, model| {
            Tokenizer::open(folder, model.max_tokens())
        })
    }

    /// What [`TextModel::load`] would take on the device, and one run of a full batch.
    ///
    /// # Errors
    /// As [`Model::memory_needed`].
    pub(super) fn memory_needed(
        gpu: &Gpu,
        own: &SentenceTransformer,
        head: Head,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        Model::memory_needed(gpu, &own.transformer, head, max_tokens, options)
    }

    /// As [`TextModel::load`], with the tokenizer that `open` makes of a folder.
    ///
    /// # Errors
    /// As [`TextModel::load`].
    pub(super) fn load_with(
        gpu: &Gpu,
        own: &SentenceTransformer,
        head: Head,
        options: &ModelOptions,
        open: impl FnOnce(&Path, &Model) -> Result<Tokenizer>,
    ) -> Result<Self> {
        let max_tokens = own.max_tokens.unwrap_or(usize::MAX);
        let per_token = head.is_per_token();
        let model = Model::load(gpu, &own.transformer, head, max_tokens, options)?;
        Self::with_tokenizer(model, own, per_token, open)
    }

    /// Of an encoder, with the directory's tokenizer, which cuts texts to what it takes.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn of(encoder: Model, own: &SentenceTransformer) -> Result<Self> {
        Self::with_tokenizer(encoder, own, true, |folder, model| {
            Tokenizer::open(folder, model.max_tokens())
        })
    }

    /// Of a model, with the tokenizer that `open` makes of the directory's folder.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn with_tokenizer(
        model: Model,
        own: &SentenceTransformer,
        per_token: bool,
        open: impl FnOnce(&Path, &Model) -> Result<Tokenizer>,
    ) -> Result<Self> {
        let tokenizer = open(&own.transformer, &model)?;
        Ok(Self {
            model,
            tokenizer: Arc::new(tokenizer),
            lower_case: own.lower_case,
            per_token,
            prompt: own.prompt(None)?.into(),
            refuses_long_texts: false,
            kept: None,
            form: None,
        })
    }

    /// What `call` gives, waited for on this thread.
    pub(super) fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        self.model.plan().gpu().block_on(call)
    }

    /// The same tokenizer, with another model, such as one on another device.
    pub(super) fn with_model(self, model: Model) -> Self {
        Self { model, ..self }
    }

    /// The same model, for texts that another tokenizer reads, and cuts.
    pub(super) fn read_by(self, tokenizer: Tokenizer) -> Self {
        Self {
            tokenizer: Arc::new(tokenizer),
            lower_case: false,
            ..self
        }
    }

    /// The same model for late interaction, which reads texts in this form.
    pub(super) fn with_form(self, form: Form) -> Self {
        Self {
            form: Some(Arc::new(form)),
            ..self
        }
    }

    /// The same model, with another prompt.
    pub(super) fn with_prompt(self, prompt: &str) -> Self {
        Self {
            prompt: prompt.into(),
            ..self
        }
    }

    /// The same model; `refuses`: whether a text that is longer than it takes is an error.
    pub(super) fn refusing_long_texts(self, refuses: bool) -> Self {
        Self {
            refuses_long_texts: refuses,
            ..self
        }
    }

    /// The same model, of whose rows the first columns are kept; `normalize`: whether they then have length 1.
    pub(super) fn with_columns(self, columns: usize, normalize: bool) -> Self {
        Self {
            kept: Some((columns, normalize)),
            ..self
        }
    }

    /// The same model, of whose rows all columns are kept.
    pub(super) fn with_all_columns(self) -> Self {
        Self { kept: None, ..self }
    }

    pub(super) fn is_per_token(&self) -> bool {
        self.per_token
    }

    /// The columns of a row.
    pub(super) fn columns(&self) -> usize {
        self.kept
            .map_or(self.model.columns(), |(columns, _)| columns)
    }

    /// The tokens of each text, in order.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn tokenize(&self, texts: &[Text<'_>]) -> Result<Vec<Tokens>> {
        let gpu = self.model.plan().gpu();
        gpu.measure(Track::Tokenize, "texts", || match &self.form {
            Some(form) => form.tokenize(texts),
            None => self
                .tokenizer
                .encode_prompted(texts, &self.prompt, self.lower_case),
        })
    }

    /// The most tokens of a text that are read, special tokens included.
    pub(super) fn max_tokens(&self) -> usize {
        let of_form = self.form.as_ref().map(|form| form.max_tokens());
        of_form.unwrap_or(self.tokenizer.max_tokens())
    }

    /// How many tokens are read with a text, or a pair, besides those of a text that is not there.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn tokens_without(&self, text: Text<'_>) -> Result<usize> {
        if let Some(form) = &self.form {
            return form.tokens_without_text();
        }
        let tokens = self.tokenize(&[text])?;
        Ok(tokens.iter().map(|tokens| tokens.ids.len()).sum())
    }

    /// Whether of each text, or pair, only a part is read.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn are_cut(&self, texts: &[Text<'_>]) -> Result<Vec<bool>> {
        let mut are_cut = Vec::with_capacity(texts.len());
        for some in portions(texts) {
            are_cut.extend(self.tokenize(some)?.iter().map(|tokens| tokens.is_cut));
        }
        Ok(are_cut)
    }

    /// [`TextModel::tokenize`], which lets others, and a deadline, have their turn.
    ///
    /// # Errors
    /// [`Error::Tokenizer`]; [`Error::TooLong`], if long texts are refused.
    pub(super) async fn tokenize_in_turns(&self, texts: &[Text<'_>]) -> Result<Vec<Tokens>> {
        let mut tokens = Vec::with_capacity(texts.len());
        for some in portions(texts) {
            for text in self.tokenize(some)? {
                self.check_length(tokens.len(), &text)?;
                tokens.push(text);
            }
            yield_now().await;
        }
        Ok(tokens)
    }

    /// # Errors
    /// [`Error::TooLong`] for text `index`, if long texts are refused.
    pub(super) fn check_length(&self, index: usize, tokens: &Tokens) -> Result<()> {
        if tokens.is_cut && self.refuses_long_texts {
            let most = self.max_tokens();
            return Err(Error::TooLong { index, most });
        }
        Ok(())
    }

    pub(super) fn refuses_long_texts(&self) -> bool {
        self.refuses_long_texts
    }

    /// What the model gives for each text, in order. `control` is told after each batch how many are done.
    ///
    /// # Errors
    /// [`Error::Tokenizer`], [`Error::TooLong`], [`Error::Deadline`], [`Error::Overflow`] if a result is not finite; as
    /// [`Model::run`] for the device.
    pub(super) async fn outputs(
        &self,
        texts: &[Text<'_>],
        mut control: Control<'_>,
    ) -> Result<Vec<Output>> {
        let deadline = control.due();
        let outputs = async {
            let tokens = self.tokenize_in_turns(texts).await?;
            let report = |done| control.report(done, texts.len());
            self.outputs_of(&tokens, report).await
        };
        self.model.plan().gpu().before(deadline, outputs).await
    }

    /// All tokens of each text, in order, or more than `most` of them, and where they come from: of the text as it is given,
    /// whose characters putting it in lower case could move.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) async fn encode_more_than(
        &self,
        most: usize,
        texts: &[Text<'_>],
    ) -> Result<Vec<Encoding>> {
        self.encode_in_turns(texts, |some| self.tokenizer.encode_more_than(most, some))
            .await
    }

    /// What `encode` makes of some texts after others.
    pub(super) async fn encode_in_turns(
        &self,
        texts: &[Text<'_>],
        encode: impl Fn(&[Text<'_>]) -> Result<Vec<Encoding>>,
    ) -> Result<Vec<Encoding>> {
        let mut encodings = Vec::with_capacity(texts.len());
        for some in portions(texts) {
            encodings.extend(encode(some)?);
            yield_now().await;
        }
        Ok(encodings)
    }

    /// What the model gives for each of the tokenised texts, in order. `report` is told after each batch how many are
    /// done.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a result is not finite; as [`Model::run`] for the device.
    pub(super) async fn outputs_of(
        &self,
        tokens: &[Tokens],
        mut report: impl FnMut(usize),
    ) -> Result<Vec<Output>> {
        let mut outputs: Vec<Output> = tokens.iter().map(Output::awaited).collect();
        let mut done = 0;
        for pack in pack(tokens, &self.model) {
            let values = self.run(&pack).await?;
            done += values.len();
            report(done);
            for (place, values) in pack.places.into_iter().zip(values) {
                outputs[place].values = values;
            }
        }
        for (index, output) in outputs.iter().enumerate() {
            finite(&output.values).map_err(|value| Error::Overflow { index, value })?;
        }
        Ok(outputs)
    }

    /// The values of each text of a pack, in its order.
    pub(super) async fn run(&self, pack: &Pack) -> Result<Vec<Vec<f32>>> {
        let values = self.model.run_async(&pack.batch).await;
        let values = values.map_err(|error| self.tokenizer.blamed(error))?;
        let mut rest = &values[..];
        let mut ids = pack.batch.token_ids();
        let own = pack.lengths.iter().map(|tokens| {
            let (own, others) = rest.split_at(self.values_of(*tokens));
            let (own_ids, other_ids) = ids.split_at(*tokens);
            (rest, ids) = (others, other_ids);
            self.finished(own, own_ids)
        });
        Ok(own.collect())
    }

    /// A text's rows as they are given.
    fn finished(&self, rows: &[f32], ids: &[u32]) -> Vec<f32> {
        if let Some(form) = &self.form {
            let rows = rows.chunks_exact(self.model.columns());
            let rows = ids.iter().enumerate().zip(rows);
            let counted = rows.filter(|((place, id), _)| form.has_vector(*place, **id));
            return counted.flat_map(|(_, row)| row).copied().collect();
        }
        let Some((columns, normalize)) = self.kept else {
            return rows.to_vec();
        };
        let rows = rows.chunks_exact(self.model.columns());
        rows.flat_map(|row| {
            let kept = row[..columns].iter();
            let squares: f64 = kept.clone().map(|it| f64::from(*it).powi(2)).sum();
            let length = if normalize {
                squares.sqrt().max(1e-12)
            } else {
                1.0
            };
            kept.map(move |it| (f64::from(*it) / length) as f32)
        })
        .collect()
    }

    /// How many values a text of so many tokens gets.
    pub(super) fn values_of(&self, tokens: usize) -> usize {
        let rows = if self.per_token { tokens } else { 1 };
        rows * self.model.columns()
    }

    /// The same on another device: [`Model::recover`].
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub(super) fn recover(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            model: self.model.recover(gpu)?,
            ..self.clone()
        })
    }

    /// [`TextModel::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::recover`].
    pub(super) async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            model: self.model.recover_async(gpu).await?,
            ..self.clone()
        })
    }
}

impl Output {
    /// Of a text that has not run yet.
    fn awaited(tokens: &Tokens) -> Self {
        Self {
            tokens: tokens.ids.len(),
            is_cut: tokens.is_cut,
            values: Vec::new(),
        }
    }
}

/// A text's result, or the first of its values that is not finite. Weights are, so the model overflows on that text: never
/// passed on as a result.
pub(super) type Finite<T> = std::result::Result<T, f32>;

/// Whether all values are.
pub(super) fn finite(values: &[f32]) -> Finite<()> {
    let mut values = values.iter();
    match values.find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => Err(*value),
    }
}

/// Texts that are tokenised before others, and a deadline, have their turn: so many, or those that have so many bytes.
const TEXTS_AT_ONCE: usize = 512;
const BYTES_AT_ONCE: usize = 32 << 10;

/// One after another of at least one text.
fn portions<'a, 'b>(mut texts: &'b [Text<'a>]) -> impl Iterator<Item = &'b [Text<'a>]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = texts.iter().take(TEXTS_AT_ONCE).take_while(|text| {
            let is_there_room = bytes < BYTES_AT_ONCE;
            bytes += text.bytes();
            is_there_room
        });
        let (some, others) = texts.split_at(fits.count());
        texts = others;
        (!some.is_empty()).then_some(some)
    })
}

/// Lets whoever polls the future do something else first.
pub(super) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
