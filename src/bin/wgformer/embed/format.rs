//! What `embed` writes: a file per format.

mod jsonl;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
#[cfg(not(feature = "parquet"))]
use anyhow::anyhow;
use clap::ValueEnum;
use wgformer::tasks::SparseEmbedder;

use super::precision::{Precision, Vector};
use crate::input::extension;

/// `--format`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A JSON line per text.
    Jsonl,
    /// One NumPy array, and where a text may have several rows another of where each text's begin.
    Npy,
    /// A row per text; for builds with the feature parquet.
    Parquet,
}

/// What all rows of a file have in common.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// A vector per token.
    pub(super) per_token: bool,
    /// A row per passage of a text.
    pub(super) in_passages: bool,
    /// Each text has a second one.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "the other formats take it from each row")
    )]
    pub(super) of_pairs: bool,
    pub(super) precision: Precision,
}

/// A text, or a passage of one, with what became of it.
pub(super) struct Row<'a> {
    /// The text's number, from 0.
    pub(super) index: usize,
    pub(super) text: &'a str,
    /// What it was read with.
    pub(super) pair: Option<&'a str>,
    /// The passage's characters in its text.
    pub(super) place: Option<Range<usize>>,
    pub(super) tokens: usize,
    /// Whether there were more tokens, which were cut off.
    pub(super) is_cut: bool,
    pub(super) values: &'a [f32],
    pub(super) kind: Kind<'a>,
}

/// What the values of a row are.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Of so many dimensions: `[dimensions]`, or `[tokens, dimensions]` where there is a vector per token.
    Vectors(usize),
    /// Of so many dimensions, any number of them: `[vectors, dimensions]`.
    Multi(usize),
    /// Pairs of an id, by its bits, and a weight, the heaviest first.
    Sparse(&'a SparseEmbedder),
}

impl Kind<'_> {
    /// Of a vector.
    pub(super) fn dimensions(self) -> usize {
        match self {
            Self::Vectors(dimensions) | Self::Multi(dimensions) => dimensions,
            Self::Sparse(_) => 2,
        }
    }
}

impl<'a> Row<'a> {
    /// One, or one per token.
    fn vectors(&self, precision: Precision) -> impl Iterator<Item = Vector<'a>> + use<'a> {
        let vectors = self.values.chunks(self.kind.dimensions());
        vectors.map(move |vector| precision.of(vector))
    }
}

/// Takes rows, in order; nothing is under its name before it is finished.
pub(super) trait Rows {
    fn write(&mut self, row: &Row<'_>) -> Result<()>;

    /// No row has come for a moment: what can be read so far may be.
    fn rest(&mut self) -> Result<()> {
        Ok(())
    }

    /// `dimensions`: of every row, for a file that has none.
    fn finish(self: Box<Self>, dimensions: usize) -> Result<()>;
}

impl Format {
    /// By the file's name.
    pub(super) fn of(path: Option<&Path>) -> Self {
        match path.map(extension).as_deref() {
            Some("npy") => Self::Npy,
            Some("parquet") => Self::Parquet,
            _ => Self::Jsonl,
        }
    }

    /// No path is standard output.
    pub(super) fn create(self, path: Option<&Path>, shape: Shape) -> Result<Box<dyn Rows>> {
        Ok(match self {
            Self::Jsonl => Box::new(jsonl::Jsonl::create(path, shape)?),
            Self::Npy => Box::new(npy::Npy::create(path, shape)?),
            #[cfg(feature = "parquet")]
            Self::Parquet => Box::new(parquet::Parquet::create(path, shape)?),
            #[cfg(not(feature = "parquet"))]
            Self::Parquet => return Err(anyhow!("cannot write Parquet: {}", crate::NO_PARQUET)),
        })
    }
}
