//! What makes rows of texts: one vector per text, weights of the vocabulary's entries, or a vector per token.

use anyhow::Result;
use wgformer::plan::Plan;
use wgformer::tasks::{LateInteraction, Passage, Side, SparseEmbedder, Stream, StreamOptions};
use wgformer::{Embedder, Gpu};

use super::format::{Kind, Row};
use crate::input::Texts;
use crate::overflow::Part;
use crate::progress::Progress;

#[derive(Clone)]
pub(super) enum Model {
    Vectors(Embedder),
    Sparse(SparseEmbedder),
    Multi(LateInteraction, Side),
}

/// Texts that are held in memory together where there is no stream: few, since what is done is safe only after each.
const PIECE: usize = 256;

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

    /// Embeds all parts but the first `done`, which are passed over, and has each of the rest written.
    pub(super) fn embed(
        &self,
        Texts { texts, total }: Texts<Part<String>>,
        done: usize,
        write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        // What cannot be read again ends the rest, as it did before.
        let passed = texts
            .enumerate()
            .filter(move |(number, part)| *number >= done || part.is_err());
        let rest = passed.map(|(_, part)| part);
        let options = StreamOptions::default().first_index(done);
        match self {
            Self::Vectors(embedder) => {
                let stream = embedder.stream(rest, &options);
                self.drain(stream, total, done, write)
            }
            Self::Multi(model, side) => {
                let stream = model.stream(*side, rest, &options);
                self.drain(stream, total, done, write)
            }
            Self::Sparse(embedder) => {
                let texts = Texts {
                    texts: Box::new(rest),
                    total,
                };
                self.embed_sparse(embedder, texts, done, write)
            }
        }
    }

    fn drain(
        &self,
        stream: Stream<Part<String>, anyhow::Error>,
        total: Option<u64>,
        done: usize,
        mut write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut progress = Progress::new(total, "texts").from(done);
        let stream = stream.on_batch(move |parts| progress.advance(parts));
        for embedded in stream {
            let (part, embedding) = embedded?;
            write(&Row {
                index: part.index,
                text: &part.text,
                place: part.place,
                tokens: embedding.tokens,
                is_cut: embedding.is_cut,
                values: &embedding.values,
                kind: self.kind(),
            })?;
        }
        Ok(())
    }

    fn embed_sparse(
        &self,
        embedder: &SparseEmbedder,
        texts: Texts<Part<String>>,
        done: usize,
        mut write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        texts.in_pieces_of(PIECE, done, |_, parts, control| {
            let embeddings = embedder.embed_with(&parts, control)?;
            for (part, embedding) in parts.into_iter().zip(embeddings) {
                let pairs = embedding.weights.iter();
                let pairs = pairs.flat_map(|it| [f32::from_bits(it.id), it.weight]);
                write(&Row {
                    index: part.index,
                    text: &part.text,
                    place: part.place,
                    tokens: embedding.tokens,
                    is_cut: embedding.is_cut,
                    values: &pairs.collect::<Vec<_>>(),
                    kind: self.kind(),
                })?;
            }
            Ok(())
        })
    }
}
