//! What makes rows of texts: one vector per text, weights of the vocabulary's entries, or a vector per token.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use wgformer::plan::Plan;
use wgformer::tasks::{
    Embedding, LateInteraction, Passage, Side, SparseEmbedder, SparseEmbedding, Stream,
    StreamOptions,
};
use wgformer::{Embedder, Gpu};

use super::format::{Kind, Row, Rows};
use crate::bulk::drain_parts;
use crate::input::Texts;
use crate::overflow::Part;
use crate::pairs::Input;
use crate::progress::Progress;

#[derive(Clone)]
pub(super) enum Model {
    Vectors(Embedder),
    Sparse(SparseEmbedder),
    Multi(LateInteraction, Side),
}

/// Who takes rows, in order.
pub(super) trait Sink {
    fn write(&mut self, row: &Row<'_>) -> Result<()>;

    /// No row has come for a moment.
    fn rest(&mut self) -> Result<()>;
}

impl Sink for Box<dyn Rows> {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        Rows::write(&mut **self, row)
    }

    fn rest(&mut self) -> Result<()> {
        Rows::rest(&mut **self)
    }
}

/// What became of a text.
struct Embedded {
    tokens: usize,
    is_cut: bool,
    /// Of the model's kind.
    values: Vec<f32>,
}

impl From<Embedding> for Embedded {
    fn from(embedding: Embedding) -> Self {
        Self {
            tokens: embedding.tokens,
            is_cut: embedding.is_cut,
            values: embedding.values,
        }
    }
}

impl From<SparseEmbedding> for Embedded {
    fn from(embedding: SparseEmbedding) -> Self {
        let pairs = embedding.weights.iter();
        let pairs = pairs.flat_map(|it| [f32::from_bits(it.id), it.weight]);
        Self {
            tokens: embedding.tokens,
            is_cut: embedding.is_cut,
            values: pairs.collect(),
        }
    }
}

impl Model {
    pub(super) fn gpu(&self) -> &Gpu {
        let model = match self {
            Self::Vectors(embedder) => embedder.model(),
            Self::Sparse(embedder) => embedder.model(),
            Self::Multi(model, _) => model.model(),
        };
        model.plan().gpu()
    }

    /// All that runs.
    pub(super) fn plans(&self) -> Vec<&Plan> {
        match self {
            Self::Vectors(embedder) => vec![embedder.model().plan()],
            Self::Sparse(embedder) => embedder.plans(),
            Self::Multi(model, _) => vec![model.model().plan()],
        }
    }

    pub(super) fn kind(&self) -> Kind<'_> {
        match self {
            Self::Vectors(embedder) => Kind::Vectors(embedder.dimensions()),
            Self::Sparse(embedder) => Kind::Sparse(embedder),
            Self::Multi(model, _) => Kind::Multi(model.dimensions()),
        }
    }

    /// A text in parts that share about `overlap` tokens.
    pub(super) fn passages<'a>(
        &self,
        text: &'a str,
        overlap: usize,
    ) -> wgformer::Result<Vec<Passage<'a>>> {
        match self {
            Self::Vectors(embedder) => embedder.passages(text, overlap),
            Self::Sparse(embedder) => embedder.passages(text, overlap),
            Self::Multi(model, side) => model.passages(*side, text, overlap),
        }
    }

    /// Embeds all parts but the first `done`, which are passed over, and has `sink` take each of the rest.
    pub(super) fn embed(
        &self,
        Texts { texts, total }: Texts<Part<Input>>,
        options: StreamOptions,
        done: usize,
        sink: &mut impl Sink,
    ) -> Result<()> {
        let first = Arc::new(AtomicUsize::new(0)); // text of which a part is not passed over
        let next = Arc::clone(&first);
        let rest = texts
            .enumerate()
            .filter_map(move |(number, part)| match part {
                Ok(part) if number < done => {
                    next.store(part.next_index(), Relaxed);
                    None
                }
                // What cannot be read again ends the rest, as it did before.
                part => Some(part),
            });
        let (options, progress) = (
            options.first_index(done),
            Progress::new(total, "texts").from(done),
        );
        match self {
            Self::Vectors(embedder) => {
                self.drain(embedder.stream(rest, &options), progress, &first, sink)
            }
            Self::Sparse(embedder) => {
                self.drain(embedder.stream(rest, &options), progress, &first, sink)
            }
            Self::Multi(model, side) => {
                self.drain(model.stream(*side, rest, &options), progress, &first, sink)
            }
        }
    }

    fn drain<R: Into<Embedded>>(
        &self,
        stream: Stream<Part<Input>, anyhow::Error, R>,
        progress: Progress,
        first: &AtomicUsize,
        sink: &mut impl Sink,
    ) -> Result<()> {
        drain_parts(stream, progress, first, |next| {
            let Some((part, result)) = next else {
                return sink.rest();
            };
            let embedded: Embedded = result.into();
            sink.write(&Row {
                index: part.index,
                text: &part.text.text,
                pair: part.text.pair.as_deref(),
                place: part.place,
                tokens: embedded.tokens,
                is_cut: embedded.is_cut,
                values: &embedded.values,
                kind: self.kind(),
            })
        })
    }
}
