//! How a directory's queries and documents become a vector per token, for late interaction: sentence-transformers' and
//! PyLate's, Stanford's ColBERT, and BGE-M3.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Config, Dense, Head, Output, Projection, SentenceTransformer, json};
use crate::error::{Error, Result};

/// What each token's vector goes through, which tokens have one, and how they are compared.
///
/// ```
/// use wgformer::models::{MultiVector, Network, SentenceTransformer, TokenForm};
///
/// # let folder = std::path::Path::new("tests/data/retrieval/colbert");
/// let own = SentenceTransformer::read(folder)?;
/// let multi_vector = MultiVector::of(folder, &own)?;
/// let TokenForm { marker, max_tokens, expansion, .. } = &multi_vector.query;
/// assert_eq!((&marker[..], *max_tokens, *expansion), ("[unused0]", Some(16), Some(16)));
/// let network = Network::open(&own.transformer, multi_vector.head())?;
/// assert_eq!(network.columns, multi_vector.columns());
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MultiVector {
    /// One after another; mostly the last brings vectors to length 1.
    pub projections: Vec<Projection>,
    /// Of queries.
    pub query: TokenForm,
    /// Of documents.
    pub document: TokenForm,
    /// Whether a query's tokens attend to what expands it.
    pub attends_to_expansion: bool,
    /// Tokens of documents that have no vector, by their names in the vocabulary.
    pub skipped: Vec<String>,
    /// Whether the first token has no vector.
    pub leaves_out_first: bool,
    /// Whether a score is the mean over a query's tokens, rather than the sum.
    pub is_mean: bool,
}

/// How a text is read.
///
/// See [`MultiVector`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenForm {
    /// The token that stands behind the first one; where the vocabulary does not have it, it is put before the text.
    pub marker: String,
    /// What is put before the text.
    pub prompt: String,
    /// The longest text, in tokens, special tokens and marker included.
    pub max_tokens: Option<usize>,
    /// How many tokens a shorter text is filled up to with mask tokens, which have vectors too.
    pub expansion: Option<usize>,
}

/// `config_sentence_transformers.json` as PyLate writes it; the defaults are those of its `models/colbert.py`.
#[derive(Deserialize, Default)]
struct PyLate {
    query_prefix: Option<String>,
    document_prefix: Option<String>,
    query_length: Option<usize>,
    document_length: Option<usize>,
    attend_to_expansion_tokens: Option<bool>,
    do_query_expansion: Option<bool>,
    skiplist_words: Option<Vec<String>>,
}

/// `sentence_bert_config.json` of a `MultiVectorEncoder` (sentence-transformers' `base/modules/transformer.py`).
#[derive(Deserialize, Default)]
struct Lengths {
    query_length: Option<usize>,
    document_length: Option<usize>,
    query_expansion: Option<Expansion>,
}

#[derive(Deserialize, Default)]
struct Expansion {
    strategy: Option<String>,
    #[serde(default)]
    attend: bool,
    token: Option<String>,
    length: Option<usize>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// `config.json` of a `MultiVectorMask`.
#[derive(Deserialize)]
struct TokenMask {
    #[serde(default)]
    skiplist_words: Vec<String>,
    skiplist_tasks: Option<Vec<String>>,
    keep_only_token_ids: Option<Vec<u32>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Of `config_sentence_transformers.json`.
#[derive(Deserialize, Default)]
struct Similarity {
    similarity_fn_name: Option<String>,
}

/// `artifact.metadata` of ColBERT; the defaults are those of its `infra/config/settings.py`.
#[derive(Deserialize, Default)]
struct Artifact {
    query_token_id: Option<String>,
    doc_token_id: Option<String>,
    query_maxlen: Option<usize>,
    doc_maxlen: Option<usize>,
    attend_to_mask_tokens: Option<bool>,
    mask_punctuation: Option<bool>,
}

impl MultiVector {
    /// That of a directory: BGE-M3's if there is a `colbert_linear.pt`, ColBERT's if its architecture is `HF_ColBERT`,
    /// sentence-transformers' if the modules have a `MultiVectorMask`, PyLate's if they are a transformer and dense layers
    /// over tokens.
    ///
    /// PyLate's and ColBERT's as sentence-transformers 6.2 reads them (`multi_vector_encoder/model.py`), BGE-M3's as
    /// FlagEmbedding does (`BGE_M3/modeling.py`, `bge_m3.py`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is none of these; [`Error::Malformed`]; as [`Dense::of_file`].
    pub fn of(directory: &Path, own: &SentenceTransformer) -> Result<Self> {
        let heads = directory.join("colbert_linear.pt");
        if heads.exists() {
            return Self::of_bge_m3(&heads);
        }
        let config = Config::read(&own.transformer.join("config.json"))?;
        if config.architectures().iter().any(|it| it == "HF_ColBERT") {
            return Self::of_colbert(&own.transformer);
        }
        if own.output == Output::VectorPerToken {
            return match &own.token_mask {
                Some(mask) => Self::of_sentence_transformers(directory, own, mask),
                None => Self::of_pylate(directory, own),
            };
        }
        Err(Error::Unsupported {
            path: directory.to_owned(),
            what: "head for late interaction",
            found: "none".to_owned(),
            supported: "a Dense over tokens in modules.json (MultiVectorEncoder, PyLate), a checkpoint of HF_ColBERT, or BGE-M3's colbert_linear.pt"
                .to_owned(),
        })
    }

    /// The head that gives its vectors.
    #[must_use]
    pub fn head(&self) -> Head {
        Head::ProjectedTokens {
            projections: self.projections.clone(),
            expanded: self.query.expansion.is_some() && !self.attends_to_expansion,
        }
    }

    /// The columns of a vector.
    #[must_use]
    pub fn columns(&self) -> usize {
        let dense = self.projections.iter().rev().find_map(|it| match it {
            Projection::Dense(dense) => Some(dense.columns),
            Projection::Normalize => None,
        });
        dense.unwrap_or(0)
    }

    fn of_bge_m3(path: &Path) -> Result<Self> {
        let dense = Dense::of_file(path, "", None)?;
        Ok(Self {
            projections: vec![Projection::Dense(dense), Projection::Normalize],
            query: TokenForm::default(),
            document: TokenForm::default(),
            attends_to_expansion: false,
            skipped: Vec::new(),
            leaves_out_first: true,
            is_mean: true,
        })
    }

    fn of_colbert(directory: &Path) -> Result<Self> {
        let path = directory.join("artifact.metadata");
        let artifact: Artifact = json::settings_if_there(&path)?.unwrap_or_default();
        let length = artifact.query_maxlen.unwrap_or(32);
        let dense = Dense::of_checkpoint(directory, "linear.")?;
        Ok(Self {
            projections: vec![Projection::Dense(dense), Projection::Normalize],
            query: TokenForm {
                marker: artifact.query_token_id.unwrap_or("[unused0]".to_owned()),
                prompt: String::new(),
                max_tokens: Some(length),
                expansion: Some(length),
            },
            document: TokenForm {
                marker: artifact.doc_token_id.unwrap_or("[unused1]".to_owned()),
                prompt: String::new(),
                max_tokens: artifact.doc_maxlen,
                expansion: None,
            },
            attends_to_expansion: artifact.attend_to_mask_tokens.unwrap_or(false),
            skipped: match artifact.mask_punctuation {
                None | Some(true) => punctuation(),
                Some(false) => Vec::new(),
            },
            leaves_out_first: false,
            is_mean: false,
        })
    }

    fn of_sentence_transformers(
        directory: &Path,
        own: &SentenceTransformer,
        mask: &Path,
    ) -> Result<Self> {
        let path = own.transformer.join("sentence_bert_config.json");
        let lengths: Lengths = json::settings_if_there(&path)?.unwrap_or_default();
        let expansion = lengths.query_expansion.unwrap_or_default();
        let mask_config: TokenMask = json::settings(mask)?;
        json::refuse_others(&path, &expansion.others, &[])?;
        json::refuse_others(mask, &mask_config.others, &[])?;
        let similarity = directory.join("config_sentence_transformers.json");
        let similarity: Similarity = json::settings_if_there(&similarity)?.unwrap_or_default();
        let unsupported = |path: &Path, what, found: String, supported: &str| {
            Err(Error::Unsupported {
                path: path.to_owned(),
                what,
                found,
                supported: supported.to_owned(),
            })
        };
        if let Some(other) = expansion.strategy.filter(|it| it != "fixed") {
            return unsupported(&path, "query_expansion strategy", other, "fixed");
        }
        if let Some(token) = expansion.token {
            return unsupported(&path, "query_expansion token", token, "the mask token");
        }
        if let Some(tasks) = mask_config.skiplist_tasks.filter(|it| it != &["document"]) {
            return unsupported(mask, "skiplist_tasks", tasks.join(", "), "document");
        }
        if let Some(ids) = mask_config.keep_only_token_ids {
            return unsupported(mask, "keep_only_token_ids", format!("{ids:?}"), "null");
        }
        let prompt = |name: &str| own.prompts.get(name).cloned().unwrap_or_default();
        Ok(Self {
            projections: own.projections.clone(),
            query: TokenForm {
                marker: String::new(),
                prompt: prompt("query"),
                max_tokens: expansion.length.or(lengths.query_length),
                expansion: expansion.length,
            },
            document: TokenForm {
                marker: String::new(),
                prompt: prompt("document"),
                max_tokens: lengths.document_length,
                expansion: None,
            },
            attends_to_expansion: expansion.attend,
            skipped: mask_config.skiplist_words,
            leaves_out_first: false,
            is_mean: similarity.similarity_fn_name.as_deref() == Some("meanmaxsim"),
        })
    }

    fn of_pylate(directory: &Path, own: &SentenceTransformer) -> Result<Self> {
        let path = directory.join("config_sentence_transformers.json");
        let config: PyLate = json::settings_if_there(&path)?.unwrap_or_default();
        let prompt = |name: &str, marker: &str| {
            let prompt = own.prompts.get(name).map_or("", |prompt| prompt);
            prompt.strip_prefix(marker).unwrap_or(prompt).to_owned()
        };
        let of_query = config.query_prefix.unwrap_or("[Q] ".to_owned());
        let of_document = config.document_prefix.unwrap_or("[D] ".to_owned());
        let length = config.query_length.unwrap_or(32);
        let expands = config.do_query_expansion != Some(false);
        let mut projections = own.projections.clone();
        projections.push(Projection::Normalize);
        Ok(Self {
            projections,
            query: TokenForm {
                prompt: prompt("query", &of_query),
                marker: of_query,
                max_tokens: Some(length),
                expansion: expands.then_some(length),
            },
            document: TokenForm {
                prompt: prompt("document", &of_document),
                marker: of_document,
                max_tokens: Some(config.document_length.unwrap_or(180)),
                expansion: None,
            },
            attends_to_expansion: config.attend_to_expansion_tokens.unwrap_or(false),
            skipped: config.skiplist_words.unwrap_or_else(punctuation),
            leaves_out_first: false,
            is_mean: false,
        })
    }
}

/// Python's `string.punctuation`.
fn punctuation() -> Vec<String> {
    let ascii = (0_u8..128).map(char::from);
    let punctuation = ascii.filter(char::is_ascii_punctuation);
    punctuation.map(String::from).collect()
}
