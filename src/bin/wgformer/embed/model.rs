//! What makes rows of texts: one vector per text, weights of the vocabulary's entries, or a vector per token.

use anyhow::Result;
use wgformer::plan::Plan;
use wgformer::tasks::{LateInteraction, Side, SparseEmbedder, Stream, StreamOptions};
use wgformer::{Embedder, Gpu};

use super::format::{Kind, Row};
use super::pieces::{Piece, Pieces};
use crate::input::Texts;
use crate::progress::Progress;

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

    /// Embeds all pieces but the first `done`, which are passed over, and has each of the rest written.
    pub(super) fn embed(
        &self,
        Pieces { pieces, total }: Pieces,
        done: usize,
        write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        // What cannot be read again ends the rest, as it did before.
        let passed = pieces
            .enumerate()
            .filter(move |(number, piece)| *number >= done || piece.is_err());
        let rest = passed.map(|(_, piece)| piece);
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
                let texts = rest.map(|piece| Ok(piece?.text));
                let texts = Texts {
                    texts: Box::new(texts),
                    total,
                };
                self.embed_sparse(embedder, texts, done, write)
            }
        }
    }

    fn drain(
        &self,
        stream: Stream<Piece, anyhow::Error>,
        total: Option<u64>,
        done: usize,
        mut write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut progress = Progress::new(total, "texts").from(done);
        let stream = stream.on_batch(move |pieces| progress.advance(pieces));
        for embedded in stream {
            let (piece, embedding) = embedded?;
            write(&Row {
                index: piece.index,
                text: &piece.text,
                place: piece.place,
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
        texts: Texts,
        done: usize,
        mut write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        texts.in_pieces_of(PIECE, done, |first, texts, control| {
            let embeddings = embedder.embed_with(&texts, control)?;
            for (index, (text, embedding)) in (first..).zip(texts.iter().zip(embeddings)) {
                let pairs = embedding.weights.iter();
                let pairs = pairs.flat_map(|it| [f32::from_bits(it.id), it.weight]);
                write(&Row {
                    index,
                    text,
                    place: None,
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
