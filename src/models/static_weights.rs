//! A weight for each entry of a vocabulary: sentence-transformers 6.2's `SparseStaticEmbedding`
//! (`sparse_encoder/modules/sparse_static_embedding.py`).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::sentence_transformers::tokenizer_limit;
use super::{Checkpoint, SentenceTransformer, json};
use crate::error::{Error, Result};
use crate::plan::Weights;

/// What queries have instead of an encoder: a weight for each entry of the vocabulary, such as how rare it is (inverse
/// document frequency; Geng and others, "Towards Competitive Search Relevance For Inference-Free Learned Sparse
/// Retrievers", 2024). A query's sparse vector is the weights of the entries that it has.
///
/// ```
/// use wgformer::models::{SentenceTransformer, StaticWeights};
///
/// # let folder = std::path::Path::new("tests/data/retrieval/inference-free");
/// let own = SentenceTransformer::read(folder)?;
/// let weights = StaticWeights::of(&own)?.expect("a model whose queries run on nothing");
/// println!("{} entries, {:?} tokens at most", weights.values.len(), weights.max_tokens);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StaticWeights {
    /// The folder of the weights and of the tokenizer that goes with them.
    pub folder: PathBuf,
    /// Of each entry of the vocabulary, by its id; finite.
    pub values: Vec<f32>,
    /// The longest text, in tokens, of which none are special; `None`: any.
    pub max_tokens: Option<usize>,
}

/// `config.json` of a `SparseStaticEmbedding`.
#[derive(Deserialize, Default)]
struct StaticConfig {
    /// A file of weights, somewhere else.
    path: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Of no consequence here: whether training leaves the weights as they are.
const KNOWN: [&str; 1] = ["frozen"];

/// What the tensor of weights is called.
const WEIGHT: &str = "weight";

impl StaticWeights {
    /// Those of a directory's queries; `None` where queries are read as documents are.
    ///
    /// See [`StaticWeights`] for an example.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], [`Error::TensorMissing`], [`Error::TensorShape`] unless there is one weight per entry, and
    /// [`Error::NotFinite`].
    pub fn of(own: &SentenceTransformer) -> Result<Option<Self>> {
        own.queries.as_deref().map(Self::read).transpose()
    }

    fn read(folder: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            values: values(&Checkpoint::open(folder)?)?,
            max_tokens: tokenizer_limit(folder)?,
        })
    }

    /// Reads what the folder says of its weights.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::Unsupported`] for a key that this crate does not know.
    pub(super) fn check(folder: &Path) -> Result<()> {
        let path = folder.join("config.json");
        let config: StaticConfig = json::settings_if_there(&path)?.unwrap_or_default();
        json::refuse_others(&path, &config.others, &KNOWN)?;
        match config.path {
            None => Ok(()),
            Some(found) => Err(Error::Unsupported {
                path,
                what: "path",
                found,
                supported: "weights beside this file: sentence-transformers writes them there when it saves the model"
                    .to_owned(),
            }),
        }
    }
}

fn values(checkpoint: &Checkpoint) -> Result<Vec<f32>> {
    let values = checkpoint.values(WEIGHT)?.into_owned();
    let (location, tensor) = (checkpoint.location(), WEIGHT.to_owned());
    let found = checkpoint.shape(WEIGHT).unwrap_or_default();
    if found.len() != 1 {
        return Err(Error::TensorShape {
            location,
            tensor,
            found,
            expected: vec![values.len()],
        });
    }
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(index) => Err(Error::NotFinite {
            location,
            tensor,
            value: values[index],
            index,
            advice: ": the checkpoint is damaged, fetch it again",
        }),
    }
}
