use std::sync::mpsc::Receiver;

use super::super::Embedding;
use super::super::text_model::overflow;
use super::runner::Done;
use crate::error::Error;

/// Texts that are packed together and come out together, while their batches run.
pub(super) struct Window<T> {
    /// The number of the first.
    pub(super) first_index: usize,
    pub(super) texts: Vec<T>,
    /// One per text, without values until its batch is done.
    pub(super) embeddings: Vec<Embedding>,
    /// Ends with the last batch.
    pub(super) done: Receiver<Done>,
    /// Batches that are not done.
    pub(super) left: usize,
    /// The first place that a batch failed for, and why.
    pub(super) failure: Option<(usize, Error)>,
}

impl<T> Window<T> {
    /// Puts a batch's values in their places.
    pub(super) fn take(&mut self, Done { places, values }: Done) {
        self.left -= 1;
        match values {
            Ok(values) => {
                for (place, values) in places.into_iter().zip(values) {
                    self.embeddings[place].values = values;
                }
            }
            Err(error) => {
                let place = places.into_iter().min().unwrap_or_default();
                if self
                    .failure
                    .as_ref()
                    .is_none_or(|(first, _)| place < *first)
                {
                    self.failure = Some((place, error));
                }
            }
        }
    }

    /// Nobody runs batches any more.
    pub(super) fn give_up(&mut self) {
        self.left = 0;
        self.failure = Some((
            0,
            Error::Stopped {
                stage: "running",
                index: self.first_index,
                message: "its threads have ended".to_owned(),
            },
        ));
    }

    /// When all batches are done: if one failed, the texts before the first that it concerns come out all the same.
    pub(super) fn finish(self) -> (Vec<(T, Embedding)>, Option<Error>) {
        let mut failure = self.failure;
        let whole = failure
            .as_ref()
            .map_or(self.texts.len(), |(place, _)| *place);
        if let Some((place, value)) =
            overflow(self.embeddings[..whole].iter().map(|it| &it.values[..]))
        {
            let index = self.first_index + place;
            failure = Some((place, Error::Overflow { index, value }));
        }
        let whole = failure.as_ref().map_or(whole, |(place, _)| *place);
        let embedded = self.texts.into_iter().zip(self.embeddings);
        (
            embedded.take(whole).collect(),
            failure.map(|(_, error)| error),
        )
    }
}
