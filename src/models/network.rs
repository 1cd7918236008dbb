use std::path::Path;
use std::sync::Arc;

use super::derived::{NetworkWeights, Source};
use super::masked_lm_head::MaskedLmHead;
use super::{Builder, Checkpoint, Config, Encoder, Family, Projection, ScoreFunction};
use crate::error::{Error, Result};
use crate::graph::{Graph, TensorId};
use crate::ops::Pooling;
use crate::plan::Weights;

/// What follows the encoder.
///
/// See [`Model`](super::Model).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// Nothing: the encoder's hidden states, `[tokens, hidden]`.
    HiddenStates,
    /// One vector per sequence, `[sequences, hidden]`.
    Pooled {
        /// How tokens become one vector.
        pooling: Pooling,
        /// Whether the vector has length 1.
        normalize: bool,
    },
    /// One vector per sequence that has gone through what follows the pooling: `[sequences, columns]`.
    Projected {
        /// How tokens become one vector.
        pooling: Pooling,
        /// One after another.
        projections: Vec<Projection>,
    },
    /// One vector per token that has gone through these: `[tokens, columns]`.
    ProjectedTokens {
        /// One after another.
        projections: Vec<Projection>,
        /// Whether sequences may be expanded: each is added by [`Batch::push_expanded`](super::Batch::push_expanded).
        expanded: bool,
    },
    /// The checkpoint's classification of whole sequences, a logit per label: `[sequences, labels]`.
    SequenceClassification,
    /// The checkpoint's classification of tokens, a logit per label: `[tokens, labels]`.
    TokenClassification,
    /// The checkpoint's question answering, a logit that an answer starts here and one that it ends: `[tokens, 2]`.
    QuestionAnswering,
}

impl Head {
    /// What follows an encoder, and the columns of the result.
    ///
    /// # Errors
    /// [`Error::HeadMissing`], and those of operations.
    fn build(
        &self,
        config: &Config,
        family: &Family,
        builder: &mut Builder<'_>,
        encoder: &Encoder,
        labels: usize,
    ) -> Result<(TensorId, usize)> {
        let (hidden_states, hidden) = (encoder.hidden_states, encoder.hidden);
        let offsets = encoder.segment_offsets;
        let heads = || (family.build_heads)(config);
        let saved_as = config.architectures().join(", ");
        match self {
            Self::HiddenStates => Ok((hidden_states, hidden)),
            Self::Pooled { pooling, normalize } => {
                let graph = &mut builder.graph;
                let pooled = graph.pool(hidden_states, offsets, *pooling, *normalize)?;
                Ok((pooled, hidden))
            }
            Self::Projected {
                pooling,
                projections,
            } => {
                let graph = &mut builder.graph;
                let pooled = graph.pool(hidden_states, offsets, *pooling, false)?;
                Projection::build_all(projections, builder, pooled, hidden)
            }
            Self::ProjectedTokens { projections, .. } => {
                Projection::build_all(projections, builder, hidden_states, hidden)
            }
            Self::SequenceClassification => {
                refuse_class(config, "ForTokenClassification", "one for whole texts")?;
                let logits = heads()?.classify_sequences(builder, encoder, labels);
                Ok((named(logits, "classifying texts", &saved_as)?, labels))
            }
            Self::TokenClassification => {
                refuse_class(config, "ForSequenceClassification", "one for tokens")?;
                let logits = heads()?.classify_tokens(builder, encoder, labels);
                Ok((named(logits, "classifying tokens", &saved_as)?, labels))
            }
            Self::QuestionAnswering => {
                let logits = heads()?.find_spans(builder, encoder);
                Ok((named(logits, "answering questions", &saved_as)?, 2))
            }
        }
    }

    /// Whether its columns may be labels: the last of what follows a pooling may be a classifier.
    fn may_classify(&self) -> bool {
        match self {
            Self::Projected { .. } | Self::SequenceClassification | Self::TokenClassification => {
                true
            }
            Self::HiddenStates
            | Self::Pooled { .. }
            | Self::ProjectedTokens { .. }
            | Self::QuestionAnswering => false,
        }
    }

    /// Whether it gives a row for each token, rather than one for each sequence.
    #[cfg(feature = "text")] // which tasks need
    #[must_use]
    pub(crate) fn is_per_token(&self) -> bool {
        match self {
            Self::HiddenStates
            | Self::ProjectedTokens { .. }
            | Self::TokenClassification
            | Self::QuestionAnswering => true,
            Self::Pooled { .. } | Self::Projected { .. } | Self::SequenceClassification => false,
        }
    }
}

/// What a directory describes, before any device: a graph, where its weights come from, and what its batches must keep to.
///
/// ```
/// use wgformer::models::{Batch, Head, Network};
/// use wgformer::plan::interpret;
///
/// # let folder = std::path::Path::new("tests/data/tiny/plain");
/// let head = Head::HiddenStates;
/// let network = Network::open(folder, head)?;
/// println!("{}", network.graph);
///
/// let mut batch = Batch::new();
/// batch.push(&[2, 7, 3], &[0, 0, 0]);
/// let batch = network.encoder.adapt(&batch);
/// let values = batch.values(&network.graph)?;
/// let tensors = interpret(&network.graph, &*network.weights, &batch.sizes(), &values)?;
/// let output = network.graph.output().expect("a result");
/// assert_eq!(tensors[&output].shape(), [3, network.encoder.hidden]);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Network {
    /// The encoder with its head.
    pub graph: Graph,
    /// Where the graph's parameters come from.
    pub weights: Arc<dyn Weights>,
    /// What the family built.
    pub encoder: Encoder,
    /// The columns of the result; the graph's own has as many as fill a multiple of four, the rest of no meaning.
    pub columns: usize,
    /// Whether every sequence is added by [`Batch::push_expanded`](super::Batch::push_expanded).
    pub expanded: bool,
    /// The names of a classification's labels, one per column: as `id2label` has them, or `LABEL_0` and so on.
    pub labels: Vec<String>,
    /// What the logits of a classification become.
    pub score_function: ScoreFunction,
    /// What those of a cross-encoder become; of no meaning under another head than
    /// [`Head::SequenceClassification`].
    pub cross_encoder_function: ScoreFunction,
}

impl Network {
    /// Reads `config.json`, and checks that the weights are there and have the shapes that it says.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Malformed`] or [`crate::Error::Unsupported`] for the files,
    /// [`crate::Error::TensorMissing`], [`crate::Error::HeadMissing`] or [`crate::Error::TensorShape`] for the weights.
    pub fn open(directory: &Path, head: Head) -> Result<Self> {
        let config = Config::read(&directory.join("config.json"))?;
        let family = Family::of(&config)?;
        let checkpoint = Arc::new(Checkpoint::open(directory)?);
        Self::build(&config, family, checkpoint, head)
    }

    /// # Errors
    /// As [`Network::open`], without what concerns reading files.
    pub(super) fn build(
        config: &Config,
        family: &Family,
        source: Arc<dyn Source>,
        head: Head,
    ) -> Result<Self> {
        let expanded = matches!(head, Head::ProjectedTokens { expanded: true, .. });
        let mut builder = Builder::new(&*source);
        builder.expanded = expanded;
        let encoder = (family.build)(config, &mut builder)?;
        let labels = match head.may_classify() {
            true => config.labels()?,
            false => Vec::new(),
        };
        let [score_function, cross_encoder_function] =
            score_functions(config, &head, labels.len())?;
        let (output, columns) = head.build(config, family, &mut builder, &encoder, labels.len())?;
        builder.graph.set_output(output);
        let Builder { graph, derived, .. } = builder;
        let weights = Arc::new(NetworkWeights { source, derived });
        Ok(Self {
            graph,
            weights,
            encoder,
            columns,
            expanded,
            score_function,
            cross_encoder_function,
            labels,
        })
    }

    /// Part of an encoder, or what follows part of it, without a head.
    pub(super) fn of_encoder(
        graph: Graph,
        weights: Arc<dyn Weights>,
        encoder: Encoder,
        columns: usize,
    ) -> Self {
        Self {
            graph,
            weights,
            encoder,
            columns,
            expanded: false,
            labels: Vec::new(),
            score_function: ScoreFunction::Identity,
            cross_encoder_function: ScoreFunction::Identity,
        }
    }

    /// The checkpoint's head that predicts tokens, alone: from rows of hidden states, the graph's only input, a logit
    /// per entry of the vocabulary for each. Apart from the encoder, since it is wanted for few of its tokens.
    ///
    /// ```
    /// use wgformer::models::Network;
    ///
    /// # let folder = std::path::Path::new("tests/data/heads/bert-masked-lm");
    /// let head = Network::open_masked_lm(folder)?;
    /// println!("{}", head.graph);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open_masked_lm(directory: &Path) -> Result<Self> {
        let head = MaskedLmHead::open(directory)?;
        head.network(0..head.encoder.vocabulary)
    }
}

/// What logits become, in the end and in a cross-encoder's; of models that give none nobody asks what their files say.
fn score_functions(config: &Config, head: &Head, labels: usize) -> Result<[ScoreFunction; 2]> {
    let own = match head.may_classify() {
        true => ScoreFunction::of(config, labels)?,
        false => ScoreFunction::Identity,
    };
    let cross_encoder = match head {
        Head::SequenceClassification => ScoreFunction::of_cross_encoder(config, labels)?,
        _ => ScoreFunction::Identity,
    };
    Ok([own, cross_encoder])
}

/// Refuses a checkpoint that was saved with another head, whose tensors have the same names.
fn refuse_class(config: &Config, other: &str, supported: &str) -> Result<()> {
    let classes = config.architectures();
    match classes.iter().find(|class| class.ends_with(other)) {
        None => Ok(()),
        Some(class) => Err(config.unsupported("architectures", class, supported)),
    }
}

/// What was built of a head; where a weight of it is missing, which head that would have been.
pub(super) fn named<T>(built: Result<T>, head: &'static str, saved_as: &str) -> Result<T> {
    built.map_err(|error| match error {
        Error::TensorMissing { location, tensor } => Error::HeadMissing {
            location,
            head,
            tensor,
            saved_as: match saved_as {
                "" => "an encoder alone".to_owned(),
                classes => classes.to_owned(),
            },
        },
        error => error,
    })
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("weights", &self.weights.location())
            .field("encoder", &self.encoder)
            .field("columns", &self.columns)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}
