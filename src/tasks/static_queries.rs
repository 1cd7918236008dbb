//! Queries that are weighed by their tokens alone, without a run of a model.

use std::sync::Arc;

use super::batching::Pack;
use super::sparse::SparseEmbedding;
use super::text_model::TextModel;
use crate::error::{Error, Result};
use crate::models::StaticWeights;
use crate::text::Tokenizer;

/// What reads such queries. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct StaticQueries {
    /// Its model never runs.
    pub(super) text_model: TextModel,
    /// Of each entry of the vocabulary.
    pub(super) weights: Arc<[f32]>,
}

impl StaticQueries {
    /// Beside what reads documents, with a tokenizer of its own.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn new(weights: StaticWeights, documents: &TextModel) -> Result<Self> {
        let max_tokens = weights.max_tokens.unwrap_or(usize::MAX);
        let tokenizer = Tokenizer::open(&weights.folder, max_tokens)?.without_special_tokens();
        Ok(Self {
            text_model: documents.clone().read_by(tokenizer),
            weights: weights.values.into(),
        })
    }

    /// The weights of the tokens that each query has.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the tokenizer has one that there is no weight for.
    pub(super) fn weighed(&self, pack: &Pack) -> Result<Vec<SparseEmbedding>> {
        let mut rest = pack.batch.token_ids();
        let queries = pack.lengths.iter().map(|tokens| {
            let (ids, others) = rest.split_at(*tokens);
            rest = others;
            let mut own = ids.to_vec();
            own.sort_unstable();
            own.dedup();
            let weights = own.into_iter().map(|id| Ok((id, self.weight(id)?)));
            Ok(SparseEmbedding::of(
                *tokens,
                weights.collect::<Result<Vec<_>>>()?,
            ))
        });
        queries.collect()
    }

    fn weight(&self, id: u32) -> Result<f32> {
        let weight = self.weights.get(id as usize).copied();
        weight.ok_or_else(|| {
            let message = format!("hold {id}, and there are {} weights", self.weights.len());
            self.text_model.tokenizer.blamed(Error::Input {
                name: "ids".to_owned(),
                message,
            })
        })
    }
}
