//! The second stage: texts to tokens, and these to windows of packed batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SendError, Sender, SyncSender};

use super::super::batching::pack;
use super::batch_model::{BatchModel, Reading};
use super::bell::Bell;
use super::chunk::Chunk;
use super::runner::Job;
use super::window::{AnyWindow, Read, Window};
use super::{StreamOptions, panicked};
use crate::error::Error;
use crate::text::{Text, Tokens};

/// The most that a window's texts, tokens and results take, but for its last text.
const WINDOW_BYTES: usize = 32 << 20;

pub(super) struct Packer<T, E, M: BatchModel> {
    model: M,
    windows: SyncSender<Result<AnyWindow<T, M::Item>, E>>,
    /// Rings for each window.
    bell: Arc<Bell>,
    jobs: Sender<Option<Job<M::Part>>>,
    /// How many tokens make a window.
    window_tokens: usize,
    /// The number of the window's first text.
    first_index: usize,
    texts: Vec<Read<T, M::Kept>>,
    /// The sequences of all of them.
    tokens: Vec<Tokens>,
    /// How many tokens the window has.
    count: usize,
    bytes: usize,
}

/// Nobody wants the rest.
struct HungUp;

impl<T> From<SendError<T>> for HungUp {
    fn from(_: SendError<T>) -> Self {
        Self
    }
}

impl<T, E, M> Packer<T, E, M>
where
    T: Send + 'static,
    for<'a> &'a T: Into<Text<'a>>,
    E: From<Error>,
    M: BatchModel,
{
    pub(super) fn new(
        model: M,
        options: &StreamOptions,
        windows: SyncSender<Result<AnyWindow<T, M::Item>, E>>,
        bell: Arc<Bell>,
        jobs: Sender<Option<Job<M::Part>>>,
    ) -> Self {
        let batch_tokens = model.text_model().model.batch_tokens();
        Self {
            model,
            windows,
            bell,
            jobs,
            window_tokens: batch_tokens.saturating_mul(options.window_batches),
            first_index: options.first_index,
            texts: Vec::new(),
            tokens: Vec::new(),
            count: 0,
            bytes: 0,
        }
    }

    /// Packs to the end, to the first error, or until nobody listens; then the bell rings once more.
    pub(super) fn pack_all(mut self, chunks: &Receiver<Chunk<T, E>>) {
        // Of what a panic leaves behind only the sender and a number are used.
        let result = catch_unwind(AssertUnwindSafe(|| self.pack_chunks(chunks)));
        if let Err(panic) = result {
            let error = panicked("tokenising", self.first_index, &*panic);
            let _ = self.windows.send(Err(error.into()));
        }
        let bell = Arc::clone(&self.bell);
        drop(self); // that there are no more windows can be seen from now on
        bell.ring();
    }

    fn pack_chunks(&mut self, chunks: &Receiver<Chunk<T, E>>) -> Result<(), HungUp> {
        for chunk in chunks {
            let failure = match chunk {
                Chunk::Texts(texts) => match self.add_all(texts)? {
                    None => continue,
                    Some(error) => Some(error.into()),
                },
                Chunk::Failed(error) => Some(error),
                Chunk::End => None,
            };
            self.send_window()?;
            if let Some(failure) = failure {
                self.windows.send(Err(failure))?;
            }
            break;
        }
        Ok(())
    }

    /// Reads texts together; if that fails, one by one up to the one that it fails on, to name it.
    fn add_all(&mut self, texts: Vec<T>) -> Result<Option<Error>, HungUp> {
        if let Ok(readings) = self.read(&texts) {
            for (text, reading) in texts.into_iter().zip(readings) {
                if let Some(error) = self.add(text, reading)? {
                    return Ok(Some(error));
                }
            }
            return Ok(None);
        }
        for text in texts {
            match self.read(std::slice::from_ref(&text)) {
                Ok(readings) => {
                    let Some(reading) = readings.into_iter().next() else {
                        continue;
                    };
                    if let Some(error) = self.add(text, reading)? {
                        return Ok(Some(error));
                    }
                }
                Err(error) => {
                    let index = self.first_index + self.texts.len();
                    return Ok(Some(error.of_text(index)));
                }
            }
        }
        Ok(None)
    }

    fn read(&self, texts: &[T]) -> Result<Vec<Reading<M::Kept>>, Error> {
        let texts: Vec<Text<'_>> = texts.iter().map(Into::into).collect();
        self.model.read(&texts)
    }

    /// The error, if the text is too long.
    fn add(&mut self, text: T, reading: Reading<M::Kept>) -> Result<Option<Error>, HungUp> {
        let index = self.first_index + self.texts.len();
        let Reading { sequences, kept } = reading;
        for tokens in &sequences {
            let checked = self.model.text_model().check_length(index, tokens);
            if let Err(error) = checked {
                return Ok(Some(error));
            }
            let length = tokens.ids.len();
            self.count += length;
            self.bytes += 4 * (2 * length + self.model.most_values(length));
        }
        let read: Text<'_> = (&text).into();
        self.bytes += read.bytes();
        self.texts.push(Read {
            text,
            kept,
            sequences: sequences.len(),
        });
        self.tokens.extend(sequences);
        if self.count >= self.window_tokens || self.bytes >= WINDOW_BYTES {
            self.send_window()?;
        }
        Ok(None)
    }

    /// First the window, when there is room for it, then its batches: so there are never more of these than of its own.
    fn send_window(&mut self) -> Result<(), HungUp> {
        let texts = std::mem::take(&mut self.texts);
        let tokens = std::mem::take(&mut self.tokens);
        (self.count, self.bytes) = (0, 0);
        let first_index = self.first_index;
        self.first_index += texts.len();
        let packs = pack(&tokens, &self.model.text_model().model);
        let (sender, done) = mpsc::channel();
        let model = self.model.clone();
        let window = Window::new(model, first_index, texts, packs.len(), done);
        let first_texts: Vec<usize> = packs.iter().map(|it| window.first_index_of(it)).collect();
        self.windows.send(Ok(Box::new(window)))?;
        self.bell.ring();
        for (pack, first_index) in packs.into_iter().zip(first_texts) {
            let done = sender.clone();
            let job = Job {
                pack,
                first_index,
                done,
                bell: Arc::clone(&self.bell),
            };
            self.jobs.send(Some(job))?;
        }
        Ok(())
    }
}
