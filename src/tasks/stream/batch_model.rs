//! What a stream's batches run on, what is read of a text, and what comes out.

use super::super::batching::Pack;
use super::super::embed::Embedding;
use super::super::sparse::{SparseEmbedder, SparseEmbedding};
use super::super::text_model::{Finite, TextModel, finite};
use crate::error::Result;
use crate::text::{Text, Tokens};

/// A model that turns batches of sequences into results. Clones share it.
pub(in super::super) trait BatchModel: Clone + Send + 'static {
    /// What becomes of a text.
    type Item: Send + 'static;
    /// What becomes of a sequence that is read of it.
    type Part: Send + 'static;
    /// What is kept of a text until all of its sequences have run.
    type Kept: Send + 'static;

    /// What reads texts, and says how many of them are a batch.
    fn text_model(&self) -> &TextModel;

    /// How many values, of four bytes each, the result of a sequence of so many tokens has at most.
    fn most_values(&self, tokens: usize) -> usize;

    /// What is read of each text, in order.
    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<Self::Kept>>>;

    /// The result of each sequence of a pack, in its order.
    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Self::Part>>>;

    /// What becomes of a text, by the results of its sequences, in order.
    fn finish(&self, text: Text<'_>, kept: Self::Kept, parts: Vec<Self::Part>) -> Self::Item;
}

/// What is read of a text.
pub(in super::super) struct Reading<K> {
    /// At least one.
    pub(super) sequences: Vec<Tokens>,
    pub(super) kept: K,
}

impl Reading<()> {
    /// Of each text one sequence.
    pub(super) fn whole(texts: Vec<Tokens>) -> Vec<Self> {
        let whole = texts.into_iter().map(|tokens| Self {
            sequences: vec![tokens],
            kept: (),
        });
        whole.collect()
    }
}

/// The result of a text of which one sequence is read.
pub(super) fn only<T>(parts: Vec<T>) -> T {
    let mut parts = parts.into_iter();
    parts.next().expect("one sequence is read of each text")
}

/// The rows of each sequence of a pack.
pub(super) async fn finite_rows(model: &TextModel, pack: &Pack) -> Result<Vec<Finite<Vec<f32>>>> {
    let values = model.run(pack).await?.into_iter();
    let checked = values.map(|values| finite(&values).map(|()| values));
    Ok(checked.collect())
}

/// The same, with its number of tokens and whether there were more.
pub(super) async fn embeddings(model: &TextModel, pack: &Pack) -> Result<Vec<Finite<Embedding>>> {
    let rows = finite_rows(model, pack).await?.into_iter();
    let texts = rows.zip(&pack.lengths).zip(&pack.are_cut);
    let embeddings = texts.map(|((values, tokens), is_cut)| {
        Ok(Embedding {
            tokens: *tokens,
            is_cut: *is_cut,
            values: values?,
        })
    });
    Ok(embeddings.collect())
}

impl BatchModel for TextModel {
    type Item = Embedding;
    type Part = Embedding;
    type Kept = ();

    fn text_model(&self) -> &TextModel {
        self
    }

    fn most_values(&self, tokens: usize) -> usize {
        self.values_of(tokens)
    }

    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<()>>> {
        Ok(Reading::whole(self.tokenize(texts)?))
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<Embedding>>> {
        embeddings(self, pack).await
    }

    fn finish(&self, _text: Text<'_>, (): (), parts: Vec<Embedding>) -> Embedding {
        only(parts)
    }
}

impl BatchModel for SparseEmbedder {
    type Item = SparseEmbedding;
    type Part = SparseEmbedding;
    type Kept = ();

    fn text_model(&self) -> &TextModel {
        self.text_model()
    }

    fn most_values(&self, tokens: usize) -> usize {
        2 * self.most_weights(tokens) // each with its id
    }

    fn read(&self, texts: &[Text<'_>]) -> Result<Vec<Reading<()>>> {
        Ok(Reading::whole(self.text_model().tokenize(texts)?))
    }

    async fn run(&self, pack: &Pack) -> Result<Vec<Finite<SparseEmbedding>>> {
        self.run(pack).await
    }

    fn finish(&self, _text: Text<'_>, (): (), parts: Vec<SparseEmbedding>) -> SparseEmbedding {
        only(parts)
    }
}
