//! The first stage: texts as they come, in chunks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SendError, SyncSender};

use super::chunk::{Chunk, Gathered};
use super::panicked;
use crate::error::Error;
use crate::text::Text;

/// Reads to the end, to the first error, or until nobody listens.
pub(super) fn read<T, E>(
    texts: impl Iterator<Item = Result<T, E>>,
    first_index: usize,
    chunks: &SyncSender<Chunk<T, E>>,
) where
    for<'a> &'a T: Into<Text<'a>>,
    E: From<Error>,
{
    // Whoever would be told has hung up.
    let _ = send_all(texts, first_index, chunks);
}

fn send_all<T, E>(
    mut texts: impl Iterator<Item = Result<T, E>>,
    first_index: usize,
    chunks: &SyncSender<Chunk<T, E>>,
) -> Result<(), SendError<Chunk<T, E>>>
where
    for<'a> &'a T: Into<Text<'a>>,
    E: From<Error>,
{
    let mut gathered = Gathered::new();
    let mut index = first_index;
    let last = loop {
        let next = || {
            texts.next().map(|text| {
                let text = text?;
                let read: Text<'_> = (&text).into();
                let bytes = read.bytes();
                Ok((text, bytes))
            })
        };
        // Nothing of the iterator is used after it panicked.
        match catch_unwind(AssertUnwindSafe(next)) {
            Ok(Some(Ok((text, bytes)))) => {
                index += 1;
                if gathered.push(text, bytes) {
                    chunks.send(Chunk::Texts(gathered.take()))?;
                }
            }
            Ok(Some(Err(error))) => break Chunk::Failed(error),
            Ok(None) => break Chunk::End,
            Err(panic) => break Chunk::Failed(panicked("reading", index, &*panic).into()),
        }
    };
    chunks.send(Chunk::Texts(gathered.take()))?;
    chunks.send(last)
}
