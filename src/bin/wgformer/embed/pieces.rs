//! What is embedded of each text: all of it, or passages.

use std::ops::Range;

use anyhow::Result;
use clap::ValueEnum;
use wgformer::Embedder;

use crate::input::Texts;

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

/// Pieces in the order of their texts, and how many there are, where that is known.
pub(super) struct Pieces {
    pub(super) pieces: Box<dyn Iterator<Item = Result<Piece>> + Send>,
    pub(super) total: Option<u64>,
}

impl Pieces {
    /// Whole texts.
    pub(super) fn whole(Texts { texts, total }: Texts) -> Self {
        let pieces = texts.enumerate().map(|(index, text)| {
            Ok(Piece {
                index,
                place: None,
                text: text?,
            })
        });
        Self {
            pieces: Box::new(pieces),
            total,
        }
    }

    /// Passages that share about `overlap` tokens.
    pub(super) fn passages(texts: Texts, embedder: Embedder, overlap: usize) -> Self {
        let pieces = texts.texts.enumerate().flat_map(move |(index, text)| {
            let passages = text.and_then(|text| passages(&embedder, index, &text, overlap));
            let passages = passages.map(|pieces| pieces.into_iter().map(Ok).collect());
            passages.unwrap_or_else(|error| vec![Err(error)])
        });
        Self {
            pieces: Box::new(pieces),
            total: None,
        }
    }
}

fn passages(embedder: &Embedder, index: usize, text: &str, overlap: usize) -> Result<Vec<Piece>> {
    let passages = embedder.passages(text, overlap)?.into_iter();
    let pieces = passages.map(|passage| Piece {
        index,
        place: Some(passage.start..passage.end),
        text: passage.text.to_owned(),
    });
    Ok(pieces.collect())
}
