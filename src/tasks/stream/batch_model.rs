//! What a stream's batches run on, and what comes out.

use super::super::batching::Pack;
use super::super::embed::Embedding;
use super::super::sparse::{SparseEmbedder, SparseEmbedding};
use super::super::text_model::{Finite, TextModel, finite};
use crate::error::Result;

/// A model that turns batches of texts into results. Clones share it.
pub(in super::super) trait BatchModel: Clone + Send + 'static {
    /// What becomes of a text.
    type Item: Send + 'static;

    /// What reads texts, and says how many of them are a batch.
    fn text_model(&self) -> &TextModel;

    /// How many values, of four bytes each, the result of a text of so many tokens has at most.
    fn most_values(&self, tokens: usize) -> usize;

    /// The result of each text of a pack, in its order.
    async fn embed(&self, pack: &Pack) -> Result<Vec<Finite<Self::Item>>>;
}

impl BatchModel for TextModel {
    type Item = Embedding;

    fn text_model(&self) -> &TextModel {
        self
    }

    fn most_values(&self, tokens: usize) -> usize {
        self.values_of(tokens)
    }

    async fn embed(&self, pack: &Pack) -> Result<Vec<Finite<Embedding>>> {
        let values = self.run(pack).await?;
        let texts = values.into_iter().zip(&pack.lengths).zip(&pack.are_cut);
        let embeddings = texts.map(|((values, tokens), is_cut)| {
            finite(&values)?;
            Ok(Embedding {
                tokens: *tokens,
                is_cut: *is_cut,
                values,
            })
        });
        Ok(embeddings.collect())
    }
}

impl BatchModel for SparseEmbedder {
    type Item = SparseEmbedding;

    fn text_model(&self) -> &TextModel {
        &self.text_model
    }

    fn most_values(&self, tokens: usize) -> usize {
        2 * self.most_weights(tokens) // each with its id
    }

    async fn embed(&self, pack: &Pack) -> Result<Vec<Finite<SparseEmbedding>>> {
        self.run(pack).await
    }
}
