use std::sync::mpsc::{Receiver, TryRecvError};

use super::super::batching::Pack;
use super::super::text_model::Finite;
use super::Empty;
use super::batch_model::BatchModel;
use super::runner::Done;
use crate::error::Error;
use crate::text::Text;

/// Texts that are packed together and come out together, while their batches run.
pub(super) struct Window<T, M: BatchModel> {
    model: M,
    /// The number of the first.
    first_index: usize,
    texts: Vec<Read<T, M::Kept>>,
    /// The place of the text that each sequence is read of.
    owners: Vec<usize>,
    /// One per sequence, once its batch is done.
    results: Vec<Option<Finite<M::Part>>>,
    /// Ends with the last batch.
    done: Receiver<Done<M::Part>>,
    /// Batches that are not done.
    left: usize,
    /// The first place of a text that a batch failed for, and why.
    failure: Option<(usize, Error)>,
}

/// A text of which sequences run.
pub(super) struct Read<T, K> {
    pub(super) text: T,
    pub(super) kept: K,
    /// How many they are.
    pub(super) sequences: usize,
}

/// A window of texts that run on any model.
pub(super) type AnyWindow<T, R> = Box<dyn Running<T, R>>;

/// A window of texts, whatever model they run on.
pub(super) trait Running<T, R>: Send {
    /// Whether all batches are done.
    fn is_done(&self) -> bool;

    /// Takes the next batch that is done; how many texts have their last sequence in it.
    fn receive(&mut self, empty: Empty) -> Result<usize, TryRecvError>;

    /// Nobody runs batches any more.
    fn give_up(&mut self);

    /// When all batches are done: if one failed, the texts before the first that it concerns come out all the same.
    fn finish(self: Box<Self>) -> (Vec<(T, R)>, Option<Error>);
}

impl<T, M: BatchModel> Window<T, M> {
    /// `batches`: how many there are, whose results come through `done`.
    pub(super) fn new(
        model: M,
        first_index: usize,
        texts: Vec<Read<T, M::Kept>>,
        batches: usize,
        done: Receiver<Done<M::Part>>,
    ) -> Self {
        let owners = texts.iter().enumerate();
        let owners = owners.flat_map(|(place, read)| std::iter::repeat_n(place, read.sequences));
        let owners: Vec<usize> = owners.collect();
        Self {
            results: owners.iter().map(|_| None).collect(),
            model,
            first_index,
            texts,
            owners,
            done,
            left: batches,
            failure: None,
        }
    }

    /// The number of the first text that a pack has a sequence of.
    pub(super) fn first_index_of(&self, pack: &Pack) -> usize {
        let owners = pack.places.iter().map(|place| self.owners[*place]);
        self.first_index + owners.min().unwrap_or_default()
    }

    /// Puts a batch's results in their places; how many texts have their last sequence in it.
    fn take(&mut self, Done { places, results }: Done<M::Part>) -> usize {
        self.left -= 1;
        let first = places.iter().min().copied().unwrap_or_default();
        let last_of_text = |place: &&usize| {
            let owner = self.owners[**place];
            self.owners.get(**place + 1) != Some(&owner)
        };
        let done = places.iter().filter(last_of_text).count();
        match results {
            Ok(results) => {
                for (place, result) in places.into_iter().zip(results) {
                    self.results[place] = Some(result);
                }
            }
            Err(error) => {
                let text = self.owners.get(first).copied().unwrap_or_default();
                let earlier = self.failure.as_ref().map(|(place, _)| *place);
                if earlier.is_none_or(|earlier| text < earlier) {
                    self.failure = Some((text, error));
                }
            }
        }
        done
    }
}

impl<T, M> Running<T, M::Item> for Window<T, M>
where
    T: Send,
    for<'a> &'a T: Into<Text<'a>>,
    M: BatchModel,
{
    fn is_done(&self) -> bool {
        self.left == 0
    }

    fn receive(&mut self, empty: Empty) -> Result<usize, TryRecvError> {
        let done = empty.receive(&self.done)?;
        Ok(self.take(done))
    }

    fn give_up(&mut self) {
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

    fn finish(self: Box<Self>) -> (Vec<(T, M::Item)>, Option<Error>) {
        let whole = match &self.failure {
            Some((place, _)) => *place,
            None => self.texts.len(),
        };
        let failure = self.failure.map(|(_, error)| error);
        let mut ready = Vec::with_capacity(whole);
        let mut results = self.results.into_iter().flatten();
        for (place, read) in self.texts.into_iter().take(whole).enumerate() {
            let parts = results.by_ref().take(read.sequences);
            match parts.collect::<Finite<Vec<M::Part>>>() {
                Ok(parts) => {
                    let item = self.model.finish((&read.text).into(), read.kept, parts);
                    ready.push((read.text, item));
                }
                Err(value) => {
                    let index = self.first_index + place;
                    return (ready, Some(Error::Overflow { index, value }));
                }
            }
        }
        (ready, failure)
    }
}
