//! The head that predicts tokens, before any device: for the whole vocabulary, or a part of it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::derived::NetworkWeights;
use super::heads::MaskedLmNames;
use super::network::named;
use super::{Builder, Checkpoint, Config, Encoder, Family, Network, ScoreFunction};
use crate::error::Result;
use crate::tensor::Dim;

/// A checkpoint's head that predicts tokens.
#[derive(Debug)]
pub(super) struct MaskedLmHead {
    names: MaskedLmNames,
    /// Whether it shares its weights with the embeddings, as transformers has it unless a configuration says otherwise.
    is_tied: bool,
    /// The classes that the checkpoint was saved as.
    saved_as: String,
    checkpoint: Arc<Checkpoint>,
    /// What the checkpoint may put before every name.
    prefixes: &'static [&'static str],
    /// The encoder that the head is of.
    pub(super) encoder: Encoder,
}

impl MaskedLmHead {
    /// # Errors
    /// As [`Network::open`], for the encoder.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let config = Config::read(&directory.join("config.json"))?;
        let family = Family::of(&config)?;
        let checkpoint = Arc::new(Checkpoint::open(directory)?);
        let mut builder = Builder::new(&*checkpoint);
        let encoder = (family.build)(&config, &mut builder)?;
        Ok(Self {
            names: (family.build_heads)(&config)?.masked_lm,
            is_tied: config.boolean("tie_word_embeddings", true)?,
            saved_as: config.architectures().join(", "),
            prefixes: builder.prefixes(),
            checkpoint,
            encoder,
        })
    }

    /// From rows of hidden states, the graph's only input, a logit for each entry of a part of the vocabulary.
    ///
    /// # Errors
    /// As [`Network::open`], for the head.
    pub(super) fn network(&self, part: Range<usize>) -> Result<Network> {
        let (encoder, columns) = (self.encoder, part.len());
        let mut builder = Builder::new(&*self.checkpoint);
        builder.set_prefixes(self.prefixes);
        let shape = [Dim::Tokens, Dim::Fixed(encoder.hidden)];
        let hidden_states = builder.graph.input("hidden_states", shape);
        let logits = self
            .names
            .predict(&mut builder, hidden_states, &encoder, self.is_tied, part);
        let logits = named(logits, "predicting tokens", &self.saved_as)?;
        builder.graph.set_output(logits);
        let Builder { graph, derived, .. } = builder;
        let weights = NetworkWeights {
            source: Arc::clone(&self.checkpoint) as _,
            derived,
        };
        Ok(Network {
            graph,
            weights: Arc::new(weights),
            encoder,
            columns,
            expanded: false,
            score_function: ScoreFunction::Softmax,
            cross_encoder_function: ScoreFunction::Identity,
            labels: Vec::new(),
        })
    }
}
