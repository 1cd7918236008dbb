//! What makes rows of texts: one vector per text, or weights of the vocabulary's entries.

use anyhow::Result;
use wgformer::Embedder;
use wgformer::plan::Plan;
use wgformer::tasks::{SparseEmbedder, StreamOptions};

use super::format::{Kind, Row};
use crate::input::Texts;
use crate::progress::Progress;

pub(super) enum Model {
    Vectors(Embedder),
    Sparse(SparseEmbedder),
}

/// Texts that are held in memory together where there is no stream: few, since what is done is safe only after each.
const PIECE: usize = 256;

impl Model {
    pub(super) fn plan(&self) -> &Plan {
        match self {
            Self::Vectors(embedder) => embedder.model().plan(),
            Self::Sparse(embedder) => embedder.model().plan(),
        }
    }

    pub(super) fn kind(&self) -> Kind<'_> {
        match self {
            Self::Vectors(embedder) => Kind::Vectors(embedder.dimensions()),
            Self::Sparse(embedder) => Kind::Sparse(embedder),
        }
    }

    /// Embeds all texts but the first `done`, which are passed over, and has each of the rest written.
    pub(super) fn embed(
        &self,
        Texts { texts, total }: Texts,
        done: usize,
        write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        // What cannot be read again ends the rest, as it did before.
        let passed = texts
            .enumerate()
            .filter(move |(index, text)| *index >= done || text.is_err());
        let rest = Texts {
            texts: Box::new(passed.map(|(_, text)| text)),
            total,
        };
        match self {
            Self::Vectors(embedder) => self.embed_stream(embedder, rest, done, write),
            Self::Sparse(embedder) => self.embed_sparse(embedder, rest, done, write),
        }
    }

    fn embed_stream(
        &self,
        embedder: &Embedder,
        Texts { texts, total }: Texts,
        done: usize,
        mut write: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut progress = Progress::new(total, "texts").from(done);
        let options = StreamOptions::default().first_index(done);
        let stream = embedder.stream(texts, &options);
        let stream = stream.on_batch(move |texts| progress.advance(texts));
        for (index, embedded) in (done..).zip(stream) {
            let (text, embedding): (String, _) = embedded?;
            write(&Row {
                index,
                text: &text,
                tokens: embedding.tokens,
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
                    tokens: embedding.tokens,
                    values: &pairs.collect::<Vec<_>>(),
                    kind: self.kind(),
                })?;
            }
            Ok(())
        })
    }
}
