use std::sync::mpsc::Receiver;

use super::super::text_model::Finite;
use super::runner::Done;
use crate::error::Error;

/// Texts that are packed together and come out together, while their batches run.
pub(super) struct Window<T, R> {
    /// The number of the first.
    pub(super) first_index: usize,
    pub(super) texts: Vec<T>,
    /// One per text, once its batch is done.
    pub(super) results: Vec<Option<Finite<R>>>,
    /// Ends with the last batch.
    pub(super) done: Receiver<Done<R>>,
    /// Batches that are not done.
    pub(super) left: usize,
    /// The first place that a batch failed for, and why.
    pub(super) failure: Option<(usize, Error)>,
}

impl<T, R> Window<T, R> {
    /// Puts a batch's results in their places.
    pub(super) fn take(&mut self, Done { places, results }: Done<R>) {
        self.left -= 1;
        match results {
            Ok(results) => {
                for (place, result) in places.into_iter().zip(results) {
                    self.results[place] = Some(result);
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
    pub(super) fn finish(self) -> (Vec<(T, R)>, Option<Error>) {
        let whole = match &self.failure {
            Some((place, _)) => *place,
            None => self.texts.len(),
        };
        let failure = self.failure.map(|(_, error)| error);
        let mut ready = Vec::with_capacity(whole);
        let texts = self
            .texts
            .into_iter()
            .zip(self.results.into_iter().map_while(|it| it));
        for (place, (text, result)) in texts.take(whole).enumerate() {
            match result {
                Ok(result) => ready.push((text, result)),
                Err(value) => {
                    let index = self.first_index + place;
                    return (ready, Some(Error::Overflow { index, value }));
                }
            }
        }
        (ready, failure)
    }
}
