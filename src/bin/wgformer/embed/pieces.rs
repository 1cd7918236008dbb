//! What is embedded of each text: all of it, or passages.

use std::ops::Range;

use anyhow::Result;
use clap::ValueEnum;
use wgformer::Embedder;

/// `--overflow`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Overflow {
    /// Cut it.
    Truncate,
    /// Split it into passages, each with a vector of its own, and its first character and the one after its last.
    Chunk,
    /// End with an error that names the text.
    Error,
}

/// What gets a vector, or one per token.
pub(super) struct Piece {
    /// The number of its text, from 0.
    pub(super) index: usize,
    /// Its characters, where texts are split.
    pub(super) place: Option<Range<usize>>,
    pub(super) text: String,
}

impl AsRef<str> for Piece {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Whole texts.
pub(super) fn whole(
    texts: impl Iterator<Item = Result<String>> + Send + 'static,
) -> impl Iterator<Item = Result<Piece>> + Send + 'static {
    texts.enumerate().map(|(index, text)| {
        Ok(Piece {
            index,
            place: None,
            text: text?,
        })
    })
}

/// Passages that share about `overlap` tokens.
pub(super) fn passages(
    texts: impl Iterator<Item = Result<String>> + Send + 'static,
    embedder: Embedder,
    overlap: usize,
) -> impl Iterator<Item = Result<Piece>> + Send + 'static {
    texts.enumerate().flat_map(move |(index, text)| {
        let pieces = text.and_then(|text| {
            let passages = embedder.passages(&text, overlap)?.into_iter();
            let pieces = passages.map(|passage| {
                Ok(Piece {
                    index,
                    place: Some(passage.start..passage.end),
                    text: passage.text.to_owned(),
                })
            });
            Ok(pieces.collect::<Vec<_>>())
        });
        pieces.unwrap_or_else(|error| vec![Err(error)])
    })
}
