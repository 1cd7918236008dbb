use std::path::Path;
use std::sync::Arc;

use super::derived::NetworkWeights;
use super::{Builder, Checkpoint, Config, Encoder, Family};
use crate::error::Result;
use crate::graph::Graph;
use crate::ops::Pooling;
use crate::plan::Weights;

/// What follows the encoder.
///
/// See [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// Nothing: the hidden states, `[tokens, hidden]`.
    HiddenStates,
    /// One vector per sequence, `[sequences, hidden]`.
    Pooled {
        /// How tokens become one vector.
        pooling: Pooling,
        /// Whether the vector has length 1.
        normalize: bool,
    },
}

/// What a directory describes, before any device: a graph, where its weights come from, and what its batches must keep to.
///
/// ```
/// use wgformer::models::{Batch, Head, Network};
/// use wgformer::plan::interpret;
///
/// # let folder = std::path::Path::new("tests/data/tiny/plain");
/// let network = Network::open(folder, Head::HiddenStates)?;
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
}

impl Network {
    /// Reads `config.json`, and checks that the weights are there and have the shapes that it says.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Malformed`] or [`crate::Error::Unsupported`] for the files,
    /// [`crate::Error::TensorMissing`] or [`crate::Error::TensorShape`] for the weights.
    pub fn open(directory: &Path, head: Head) -> Result<Self> {
        let config = Config::read(&directory.join("config.json"))?;
        let family = Family::of(&config)?;
        let checkpoint = Arc::new(Checkpoint::open(directory)?);
        let mut builder = Builder::new(&*checkpoint);
        let encoder = (family.build)(&config, &mut builder)?;
        let output = match head {
            Head::HiddenStates => encoder.hidden_states,
            Head::Pooled { pooling, normalize } => builder.graph.pool(
                encoder.hidden_states,
                encoder.segment_offsets,
                pooling,
                normalize,
            )?,
        };
        builder.graph.set_output(output);
        let Builder { graph, derived, .. } = builder;
        let weights = Arc::new(NetworkWeights {
            checkpoint,
            derived,
        });
        Ok(Self {
            graph,
            weights,
            encoder,
        })
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("weights", &self.weights.location())
            .field("encoder", &self.encoder)
            .finish_non_exhaustive()
    }
}
