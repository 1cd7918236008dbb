//! Which head a directory has that gives each text weights of the vocabulary's entries.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Config, Dense, Output, SentenceTransformer, json};
use crate::error::{Error, Result};
use crate::ops::Activation;

/// How logits of a masked language model become weights: `f(logit) = log(1 + max(logit, 0))`, pooled over the tokens of a
/// text (SPLADE; Formal and others, 2021; sentence-transformers' `SpladePooling`).
///
/// ```
/// use wgformer::models::{SparseHead, SentenceTransformer, Splade};
///
/// # let folder = std::path::Path::new("tests/data/retrieval/splade");
/// let own = SentenceTransformer::read(folder)?;
/// let SparseHead::Splade(splade) = SparseHead::of(folder, &own)? else {
///     unreachable!("a masked language model as it is")
/// };
/// assert_eq!(splade, Splade::default()); // the largest over a text's tokens
/// assert_eq!(splade.weight(1.0), 2_f32.ln());
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Splade {
    /// Whether the weights of tokens are added up, rather than the largest taken.
    pub sum: bool,
    /// Whether the logarithm is taken twice, `log(1 + f(logit))`.
    pub log_again: bool,
}

/// `config.json` of a `SpladePooling`.
#[derive(Deserialize)]
struct SpladeConfig {
    pooling_strategy: Option<String>,
    activation_function: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Sizes, which follow from the model.
const SIZES: [&str; 2] = ["embedding_dimension", "word_embedding_dimension"];

impl Splade {
    /// The weight of a logit.
    #[must_use]
    pub fn weight(&self, logit: f32) -> f32 {
        let weight = logit.max(0.0).ln_1p();
        if self.log_again {
            weight.ln_1p()
        } else {
            weight
        }
    }

    /// # Errors
    /// [`Error::Malformed`], or [`Error::Unsupported`] for another strategy or function.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let config: SpladeConfig = json::settings(path)?;
        json::refuse_others(path, &config.others, &SIZES)?;
        let unsupported = |what, found: &str, supported: &str| {
            Err(Error::Unsupported {
                path: path.to_owned(),
                what,
                found: found.to_owned(),
                supported: supported.to_owned(),
            })
        };
        let sum = match config.pooling_strategy.as_deref() {
            None | Some("max") => false,
            Some("sum") => true,
            Some(other) => return unsupported("pooling_strategy", other, "max, sum"),
        };
        let log_again = match config.activation_function.as_deref() {
            None | Some("relu") => false,
            Some("log1p_relu") => true,
            Some(other) => return unsupported("activation_function", other, "relu, log1p_relu"),
        };
        Ok(Self { sum, log_again })
    }
}

/// What gives a text its weights.
///
/// See [`Splade`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SparseHead {
    /// The logits of a masked language model.
    Splade(Splade),
    /// A linear layer of one output, which weighs each token of the text (BGE-M3; Chen and others, 2024).
    Lexical(Dense),
}

impl SparseHead {
    /// That of a directory: what its `SpladePooling` says; else BGE-M3's `sparse_linear.pt`; else, of a masked language
    /// model without files of sentence-transformers, the largest over the tokens, as sentence-transformers has it.
    ///
    /// See [`Splade`] for an example.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is none of these; as [`Dense::of_file`].
    pub fn of(directory: &Path, own: &SentenceTransformer) -> Result<Self> {
        if let Output::Weights(splade) = own.output {
            return Ok(Self::Splade(splade));
        }
        let lexical = directory.join("sparse_linear.pt");
        if lexical.exists() {
            let dense = Dense::of_file(&lexical, "", Some(Activation::Relu))?;
            if dense.columns == 1 {
                return Ok(Self::Lexical(dense));
            }
            return Err(Error::Malformed {
                path: lexical,
                message: format!("has {} outputs, and must have 1", dense.columns),
            });
        }
        let config = Config::read(&own.transformer.join("config.json"))?;
        let classes = config.architectures();
        let is_masked_lm = classes.iter().any(|it| it.ends_with("ForMaskedLM"));
        if is_masked_lm && !directory.join("modules.json").exists() {
            return Ok(Self::Splade(Splade::default()));
        }
        Err(Error::Unsupported {
            path: directory.to_owned(),
            what: "sparse head",
            found: "none".to_owned(),
            supported: "a SpladePooling in modules.json (SPLADE), BGE-M3's sparse_linear.pt, or a masked language model without a modules.json"
                .to_owned(),
        })
    }
}
