//! What follows an encoder: the heads that checkpoints were trained with.
//!
//! A family says how its own are called and shaped ([`Heads`]); all of them are built here.

use std::ops::Range;

use super::blocks::{NormNames, activated_linear, norm};
use super::builder::{Linear, LinearNames};
use super::{Builder, Encoder};
use crate::error::Result;
use crate::graph::TensorId;
use crate::ops::{Activation, Pooling};

/// The heads of a family.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    /// The token that stands for its sequence, or all of them.
    pub(super) pooling: Pooling,
    /// What the pooled vector goes through before [`Heads::sequence_classifier`].
    pub(super) sequence: Transform,
    /// The linear layer with an output per label, for sequences.
    pub(super) sequence_classifier: &'static str,
    /// What each token goes through before the linear layer with an output per label, if anything.
    pub(super) token: Option<Transform>,
    /// The same linear layer of question answering, with an output for where an answer starts and one for where it ends.
    pub(super) span_classifier: &'static str,
    pub(super) masked_lm: MaskedLmNames,
}

/// `norm(activation(dense(x)))`, the norm if there is one.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    pub(super) dense: LinearNames,
    pub(super) activation: Activation,
    pub(super) norm: Option<NormNames>,
}

/// The prediction of a token at each place.
#[derive(Clone, Debug)]
pub(super) struct MaskedLmNames {
    /// What a hidden state goes through first, if anything.
    pub(super) transform: Option<Transform>,
    /// The linear layer with an output per entry of the vocabulary: its weight, which is the embeddings', if it may be,
    /// where the checkpoint leaves it out.
    pub(super) decoder: &'static str,
    pub(super) embeddings: Option<&'static str>,
    /// The bias that is the decoder's own where both are tied (`tie_word_embeddings`), beside which a checkpoint may have
    /// `decoder.bias`.
    pub(super) bias: Option<&'static str>,
}

impl MaskedLmNames {
    /// BERT's, `cls.predictions`; `norm`: what it calls its norm.
    pub(super) fn of_bert(activation: Activation, norm: &str) -> Self {
        let transform = "cls.predictions.transform";
        Self {
            transform: Some(Transform {
                dense: LinearNames::new(format!("{transform}.dense")),
                activation,
                norm: Some(NormNames::new(format!("{transform}.{norm}"))),
            }),
            decoder: "cls.predictions.decoder",
            embeddings: Some("embeddings.word_embeddings.weight"),
            bias: Some("cls.predictions.bias"),
        }
    }
}

impl Heads {
    /// BERT's: the first token through `pooler.dense` and tanh.
    pub(super) fn of_bert(masked_lm: MaskedLmNames) -> Self {
        Self {
            pooling: Pooling::Cls,
            sequence: Transform {
                dense: LinearNames::new("pooler.dense"),
                activation: Activation::Tanh,
                norm: None,
            },
            sequence_classifier: "classifier",
            token: None,
            span_classifier: "qa_outputs",
            masked_lm,
        }
    }

    /// RoBERTa's: the first token through `classifier.dense`.
    pub(super) fn of_roberta(activation: Activation, masked_lm: MaskedLmNames) -> Self {
        Self {
            sequence: Transform {
                dense: LinearNames::new("classifier.dense"),
                activation,
                norm: None,
            },
            sequence_classifier: "classifier.out_proj",
            ..Self::of_bert(masked_lm)
        }
    }

    /// A logit per label for each sequence: `[sequences, labels]`, up to a multiple of four.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn classify_sequences(
        &self,
        builder: &mut Builder<'_>,
        encoder: &Encoder,
        labels: usize,
    ) -> Result<TensorId> {
        let (hidden, offsets) = (encoder.hidden_states, encoder.segment_offsets);
        let x = builder.graph.pool(hidden, offsets, self.pooling, false)?;
        let x = self.sequence.build(builder, x, encoder, encoder.hidden)?;
        classify(builder, x, encoder, self.sequence_classifier, labels)
    }

    /// A logit per label for each token: `[tokens, labels]`, up to a multiple of four.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn classify_tokens(
        &self,
        builder: &mut Builder<'_>,
        encoder: &Encoder,
        labels: usize,
    ) -> Result<TensorId> {
        let x = self.token_features(builder, encoder)?;
        classify(builder, x, encoder, "classifier", labels)
    }

    /// Two logits for each token, that an answer starts there and that it ends there: `[tokens, 2]`, up to four.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn find_spans(
        &self,
        builder: &mut Builder<'_>,
        encoder: &Encoder,
    ) -> Result<TensorId> {
        let x = self.token_features(builder, encoder)?;
        classify(builder, x, encoder, self.span_classifier, 2)
    }

    fn token_features(&self, builder: &mut Builder<'_>, encoder: &Encoder) -> Result<TensorId> {
        match &self.token {
            None => Ok(encoder.hidden_states),
            Some(token) => token.build(builder, encoder.hidden_states, encoder, encoder.hidden),
        }
    }
}

impl Transform {
    /// `x`: `[rows, hidden]`; the result: `[rows, columns]`.
    fn build(
        &self,
        builder: &mut Builder<'_>,
        x: TensorId,
        encoder: &Encoder,
        columns: usize,
    ) -> Result<TensorId> {
        let dense = builder.linear(&self.dense, columns, encoder.hidden)?;
        let y = activated_linear(builder, x, dense, self.activation)?;
        match &self.norm {
            None => Ok(y),
            Some(names) => norm(builder, y, names, columns, encoder.eps),
        }
    }
}

fn classify(
    builder: &mut Builder<'_>,
    x: TensorId,
    encoder: &Encoder,
    name: &str,
    labels: usize,
) -> Result<TensorId> {
    let Linear { weight, bias } = builder.padded_linear(name, labels, encoder.hidden)?;
    builder.graph.linear(x, weight, bias)
}

impl MaskedLmNames {
    /// A logit per entry of a part of the vocabulary for each row of hidden states: `[rows, part]`, up to a multiple of
    /// four.
    ///
    /// `is_tied`: whether the decoder's weight is the embeddings', where the checkpoint leaves it out, and its bias the one
    /// beside it, though the checkpoint may have both.
    ///
    /// # Errors
    /// As [`Builder::parameter`].
    pub(super) fn predict(
        &self,
        builder: &mut Builder<'_>,
        hidden_states: TensorId,
        encoder: &Encoder,
        is_tied: bool,
        part: Range<usize>,
    ) -> Result<TensorId> {
        let (vocabulary, columns) = (encoder.vocabulary, encoder.embedding_columns);
        let x = match &self.transform {
            None => hidden_states,
            Some(transform) => transform.build(builder, hidden_states, encoder, columns)?,
        };
        let decoder = format!("{}.weight", self.decoder);
        let weight = match self.embeddings {
            Some(embeddings) if is_tied && !builder.has(&decoder) => embeddings.to_owned(),
            _ => decoder,
        };
        let own = format!("{}.bias", self.decoder);
        let mut biases = self.bias.map_or(vec![], |beside| vec![beside, &own]);
        if !is_tied {
            biases.reverse();
        }
        let bias = biases.into_iter().find(|name| builder.has(name));
        let Linear { weight, bias } =
            builder.padded_outputs(&weight, bias, [vocabulary, columns], part)?;
        builder.graph.linear(x, weight, bias)
    }
}
