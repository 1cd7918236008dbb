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
    /// One per text, without values.
    pub(super) embeddings: Vec<Embedding>,
    /// Ends with the last batch.
    pub(super) done: Receiver<Done>,
}

impl<T> Window<T> {
    /// Waits for all batches. If one fails, the texts before the first that it concerns come out all the same.
    pub(super) fn finish(
        mut self,
        on_batch: &mut dyn FnMut(usize),
    ) -> (Vec<(T, Embedding)>, Option<Error>) {
        let mut failure: Option<(usize, Error)> = None;
        for Done { places, values } in &self.done {
            on_batch(places.len());
            match values {
                Ok(values) => {
                    for (place, values) in places.into_iter().zip(values) {
                        self.embeddings[place].values = values;
                    }
                }
                Err(error) => {
                    let place = places.into_iter().min().unwrap_or_default();
                    if failure.as_ref().is_none_or(|(first, _)| place < *first) {
                        failure = Some((place, error));
                    }
                }
            }
        }
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
