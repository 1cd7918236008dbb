//! What `embed` writes: a file per format.

mod jsonl;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;

use std::path::Path;

use anyhow::Result;
#[cfg(not(feature = "parquet"))]
use anyhow::anyhow;
use clap::ValueEnum;
use wgformer::tasks::SparseEmbedder;

use crate::input::extension;

/// `--format`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A JSON line per text.
    Jsonl,
    /// One NumPy array, and with --pooling none another of where each text's rows begin.
    Npy,
    /// A row per text; for builds with the feature parquet.
    Parquet,
}

/// A text with what became of it.
pub(super) struct Row<'a> {
    /// Its number, from 0.
    pub(super) index: usize,
    pub(super) text: &'a str,
    pub(super) tokens: usize,
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

/// Takes rows, in order; nothing is under its name before it is finished.
pub(super) trait Rows {
    fn write(&mut self, row: &Row<'_>) -> Result<()>;

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

    /// No path is standard output; `per_token`: whether rows have a vector per token.
    pub(super) fn create(self, path: Option<&Path>, per_token: bool) -> Result<Box<dyn Rows>> {
        Ok(match self {
            Self::Jsonl => Box::new(jsonl::Jsonl::create(path, per_token)?),
            Self::Npy => Box::new(npy::Npy::create(path, per_token)?),
            #[cfg(feature = "parquet")]
            Self::Parquet => Box::new(parquet::Parquet::create(path, per_token)?),
            #[cfg(not(feature = "parquet"))]
            Self::Parquet => return Err(anyhow!("cannot write Parquet: {}", crate::NO_PARQUET)),
        })
    }
}
