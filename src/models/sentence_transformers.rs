//! What a sentence-transformers directory says of its model: pooling, what follows it, the longest text.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::router::Router;
use super::transformer_module::TransformerConfig;
use super::{Dense, Head, Projection, Splade, StaticWeights, json};
use crate::error::{Error, Result};
use crate::ops::{Activation, Pooling};

/// How a directory's embeddings are made.
///
/// ```
/// use wgformer::models::SentenceTransformer;
/// use wgformer::ops::Pooling;
///
/// # let folder = "tests/data/tiny/plain";
/// let read = SentenceTransformer::read(folder.as_ref())?;
/// assert_eq!((read.pooling, read.normalize), (Pooling::Mean, true));
/// assert_eq!(read.prompt(Some("query"))?, ""); // what sentence-transformers writes for a model that has no other
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentenceTransformer {
    /// Where `modules.json` is, or would be.
    pub directory: PathBuf,
    /// What its modules give.
    pub output: Output,
    /// Where `config.json`, the weights and the tokenizer are.
    pub transformer: PathBuf,
    /// How tokens become one vector.
    pub pooling: Pooling,
    /// The columns that the pooling says it pools, to be compared with the model's, and the file that says so.
    pub dimensions: Option<(usize, PathBuf)>,
    /// What pooled vectors go through, one after another.
    pub projections: Vec<Projection>,
    /// The file that says which tokens have no vector, where there is a vector per token and such a file.
    pub token_mask: Option<PathBuf>,
    /// The folder of what weighs queries by their tokens alone, where they are not read as documents are:
    /// [`StaticWeights`].
    pub queries: Option<PathBuf>,
    /// Whether a text is such a query unless something else is asked for.
    pub reads_queries: bool,
    /// Whether vectors have length 1: whether the last of these brings them to it.
    pub normalize: bool,
    /// The longest text, in tokens, special tokens included; `None` where only the model's positions limit it.
    pub max_tokens: Option<usize>,
    /// Whether texts are put in lower case first.
    pub lower_case: bool,
    /// What may be put before a text, by name, such as `query`.
    pub prompts: BTreeMap<String, String>,
    /// The name of the prompt that every text has unless another is asked for.
    pub default_prompt: Option<String>,
    /// Whether the tokens of a prompt are pooled with the others.
    pub include_prompt: bool,
    /// How many of a vector's elements are kept, the first ones, unless another number is asked for; `None`: all. What had
    /// length 1 does not have it then.
    pub truncate_dim: Option<usize>,
    /// What says how near two vectors are, such as `cosine` or `dot`, if the files do.
    pub similarity: Option<String>,
}

/// What a directory's modules make of a text.
///
/// ```
/// use wgformer::models::{Output, SentenceTransformer, Splade};
///
/// # let folder = "tests/data/retrieval/splade-sum";
/// let own = SentenceTransformer::read(folder.as_ref())?;
/// assert!(matches!(own.output, Output::Weights(Splade { sum: true, .. })));
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// One vector.
    Vector,
    /// A vector per token, for late interaction: [`MultiVector`](super::MultiVector).
    VectorPerToken,
    /// Weights of the vocabulary's entries.
    Weights(Splade),
    /// A logit for each of the labels that `config.json` names: the last module is a `Dense` called `classifier`, as
    /// [`ClassifierFolder`](super::ClassifierFolder) writes it.
    Logits,
}

/// A step that texts go through.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Module {
    #[serde(default)]
    name: String,
    /// Its folder, beside the file that lists it.
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
struct TokenizerConfig {
    /// Transformers writes 1e30 for "no limit".
    model_max_length: Option<f64>,
}

#[derive(Deserialize, Default)]
struct OwnConfig {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
    default_prompt_name: Option<String>,
    truncate_dim: Option<usize>,
    similarity_fn_name: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Keys of `config_sentence_transformers.json` that others read, or that change nothing here.
const KNOWN: [&str; 11] = [
    "__version__",
    "model_type",
    "activation_fn",
    "keep_in_fp32_modules",
    "query_prefix",
    "document_prefix",
    "query_length",
    "document_length",
    "do_query_expansion",
    "attend_to_expansion_tokens",
    "skiplist_words",
];

impl Module {
    pub(super) fn new(folder: &str, class: &str) -> Self {
        Self {
            name: String::new(),
            path: folder.to_owned(),
            kind: class.to_owned(),
        }
    }

    /// Its folder. `list`: the file that lists it.
    ///
    /// # Errors
    /// [`Error::Malformed`] if that is anywhere else than beside the list.
    fn folder(&self, list: &Path) -> Result<PathBuf> {
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if Path::new(&self.path).components().all(is_inside) {
            return Ok(list.with_file_name(&self.path));
        }
        Err(Error::Malformed {
            path: list.to_owned(),
            message: format!("{:?} is not a folder of this model", self.path),
        })
    }

    /// The class's own name; where it lives has changed over the years.
    pub(super) fn class(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or_default()
    }

    /// Whether it makes logits of vectors.
    fn classifies(&self) -> bool {
        self.class() == "Dense" && self.name == CLASSIFIER
    }
}

/// What the module is called whose outputs are logits.
pub(super) const CLASSIFIER: &str = "classifier";

impl SentenceTransformer {
    /// Reads `modules.json` and what it names; where there is none: mean, not normalised, the tokenizer's own limit.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::Unsupported`] for a module, a pooling or a prompt that this crate does not do.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut list = directory.join("modules.json");
        let mut modules: Vec<Module> = json::settings_if_there(&list)?.unwrap_or_default();
        let mut read = Self {
            directory: directory.to_owned(),
            output: Output::Vector,
            transformer: directory.to_owned(),
            pooling: Pooling::Mean,
            dimensions: None,
            projections: Vec::new(),
            token_mask: None,
            queries: None,
            reads_queries: false,
            normalize: false,
            max_tokens: None,
            lower_case: false,
            prompts: BTreeMap::new(),
            default_prompt: None,
            include_prompt: true,
            truncate_dim: None,
            similarity: None,
        };
        if let Some(router) = router(&modules, &list)? {
            let queries = router.queries.folder(&router.path)?;
            StaticWeights::check(&queries)?;
            read.queries = Some(queries);
            read.reads_queries = router.reads_queries;
            (list, modules) = (router.path, router.documents);
        }
        let has = |class: &str| modules.iter().any(|module| module.class() == class);
        if !has("Pooling") && (has("Dense") || has("MultiVectorMask")) {
            read.output = Output::VectorPerToken;
        }
        for module in &modules {
            read.add(module, &list)?;
        }
        check_order(&modules, &list)?;
        if modules.last().is_some_and(Module::classifies) {
            read.output = Output::Logits;
        }
        read.normalize = read.projections.last() == Some(&Projection::Normalize);
        if read.max_tokens.is_none() {
            read.max_tokens = tokenizer_limit(&read.transformer)?;
        }
        read.add_own_config(directory)?;
        Ok(read)
    }

    /// What is put before a text that asks for the prompt of this name; without a name, the default, if there is one.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such prompt, listing those there are; [`Error::Unsupported`] if its tokens are to
    /// be left out of the pooling.
    pub fn prompt(&self, name: Option<&str>) -> Result<&str> {
        let Some(name) = name.or(self.default_prompt.as_deref()) else {
            return Ok("");
        };
        let Some(prompt) = self.prompts.get(name) else {
            if self.queries.is_some() && ["query", "document"].contains(&name) {
                return Ok(""); // which chooses what reads a text
            }
            let names: Vec<&str> = self.prompts.keys().map(String::as_str).collect();
            let message = if names.is_empty() {
                format!("{name:?} is none of this model's, which has no prompts")
            } else {
                format!("{name:?} is none of this model's, {}", names.join(", "))
            };
            return Err(Error::Input {
                name: "prompt".to_owned(),
                message,
            });
        };
        if !self.include_prompt && !prompt.is_empty() {
            return Err(Error::Unsupported {
                path: self.transformer.clone(),
                what: "include_prompt",
                found: "false".to_owned(),
                supported: "true, or texts without a prompt".to_owned(),
            });
        }
        Ok(prompt)
    }

    /// The name of the prompt for queries, as sentence-transformers' `encode_query` chooses it.
    #[cfg(feature = "text")] // which tasks need
    pub(crate) fn query_prompt(&self) -> Option<&'static str> {
        self.first_prompt(&["query"])
    }

    /// The name of that for what is searched, as `encode_document` chooses it.
    #[cfg(feature = "text")]
    pub(crate) fn document_prompt(&self) -> Option<&'static str> {
        self.first_prompt(&["document", "passage", "corpus"])
    }

    #[cfg(feature = "text")]
    fn first_prompt(&self, names: &[&'static str]) -> Option<&'static str> {
        let mut names = names.iter().copied();
        names.find(|name| self.prompts.contains_key(*name))
    }

    /// Checks that its modules give one vector.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if they give something else.
    #[cfg(feature = "text")] // which tasks need
    pub(crate) fn expect_vector(&self) -> Result<()> {
        let found = match self.output {
            Output::Vector => return Ok(()),
            Output::VectorPerToken => "a vector per token",
            Output::Weights(_) => "weights of a vocabulary",
            Output::Logits => "a logit per label",
        };
        Err(Error::Unsupported {
            path: self.transformer.clone(),
            what: "output",
            found: found.to_owned(),
            supported:
                "one vector per text; `embed --sparse` is for weights, `embed --multi` for vectors of tokens, `classify` for logits"
                    .to_owned(),
        })
    }

    /// The head that gives its vectors, with this pooling; `normalize`: whether they have length 1.
    ///
    /// ```
    /// use wgformer::models::{Head, SentenceTransformer};
    ///
    /// # let folder = "tests/data/tiny/plain";
    /// let own = SentenceTransformer::read(folder.as_ref())?;
    /// let head = own.head(own.pooling, own.normalize);
    /// assert_eq!(head, Head::Pooled { pooling: own.pooling, normalize: true });
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn head(&self, pooling: Pooling, normalize: bool) -> Head {
        let dense = self.up_to_dense();
        if dense.is_empty() {
            return Head::Pooled { pooling, normalize };
        }
        let mut projections = dense.to_vec();
        projections.extend(normalize.then_some(Projection::Normalize));
        Head::Projected {
            pooling,
            projections,
        }
    }

    /// The projections without what stands behind the last linear layer, whose length is another question.
    pub(super) fn up_to_dense(&self) -> &[Projection] {
        let dense = |it: &Projection| matches!(it, Projection::Dense(_));
        let last = self.projections.iter().rposition(dense);
        &self.projections[..last.map_or(0, |last| last + 1)]
    }

    fn add_own_config(&mut self, directory: &Path) -> Result<()> {
        let path = directory.join("config_sentence_transformers.json");
        let read: OwnConfig = json::settings_if_there(&path)?.unwrap_or_default();
        json::refuse_others(&path, &read.others, &KNOWN)?;
        let is_there = |name: &String| read.prompts.contains_key(name);
        if !read.default_prompt_name.as_ref().is_none_or(is_there) {
            return Err(Error::Malformed {
                path,
                message: "default_prompt_name names none of its prompts".to_owned(),
            });
        }
        self.prompts = read.prompts;
        self.default_prompt = read.default_prompt_name;
        self.truncate_dim = read.truncate_dim;
        self.similarity = read.similarity_fn_name;
        Ok(())
    }

    fn add(&mut self, module: &Module, list: &Path) -> Result<()> {
        let folder = module.folder(list)?;
        match module.class() {
            "Transformer" | "MLMTransformer" => {
                let config = TransformerConfig::read(&folder)?;
                self.max_tokens = config.max_seq_length;
                self.lower_case = config.do_lower_case;
                self.transformer = folder;
            }
            "Pooling" => {
                let path = folder.join("config.json");
                let (pooling, dimensions, include_prompt) = read_pooling(&path)?;
                self.pooling = pooling;
                self.include_prompt = include_prompt;
                self.dimensions = dimensions.map(|count| (count, path));
            }
            "SpladePooling" => {
                self.output = Output::Weights(Splade::read(&folder.join("config.json"))?);
            }
            "Dense" => {
                let features = match self.output {
                    Output::VectorPerToken => "token_embeddings",
                    Output::Vector | Output::Weights(_) | Output::Logits => "sentence_embedding",
                };
                // PyLate's own class has another default.
                let is_plain = module.kind.starts_with("pylate");
                let default = (!is_plain).then_some(Activation::Tanh);
                let dense = Dense::read(&folder, features, default)?;
                self.projections.push(Projection::Dense(dense));
            }
            "MultiVectorMask" => self.token_mask = Some(folder.join("config.json")),
            "Normalize" => self.projections.push(Projection::Normalize),
            other => {
                return Err(Error::Unsupported {
                    path: list.to_owned(),
                    what: "module",
                    found: other.to_owned(),
                    supported: "Transformer, Pooling, Dense, Normalize, MultiVectorMask, SpladePooling, or a Router alone"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// What the only module says of others, if it is a `Router`.
fn router(modules: &[Module], list: &Path) -> Result<Option<Router>> {
    match modules {
        [only] if only.class() == "Router" => Router::read(&only.folder(list)?).map(Some),
        _ => Ok(None),
    }
}

/// Modules run one after another, and only in one order do they mean what this crate does.
fn check_order(modules: &[Module], list: &Path) -> Result<()> {
    let classes: Vec<&str> = modules.iter().map(Module::class).collect();
    let may_follow_tokens =
        |class: &&str| ["Dense", "MultiVectorMask", "Normalize"].contains(class);
    let may_follow = |class: &&str| ["Dense", "Normalize"].contains(class);
    match &classes[..] {
        [] | ["Transformer"] | ["Transformer" | "MLMTransformer", "SpladePooling"] => Ok(()),
        ["Transformer", "Dense" | "MultiVectorMask", others @ ..]
            if others.iter().all(may_follow_tokens) =>
        {
            Ok(())
        }
        ["Transformer", "Pooling", others @ ..] if others.iter().all(may_follow) => Ok(()),
        _ => Err(Error::Unsupported {
            path: list.to_owned(),
            what: "order of modules",
            found: classes.join(", "),
            supported: "Transformer, then Pooling, then any of Dense and Normalize; Transformer, then any of Dense, MultiVectorMask and Normalize; Transformer, then SpladePooling".to_owned(),
        }),
    }
}

/// Keys of a pooling's `config.json`, beside a flag for each mode as older files have it.
const POOLING_KEYS: [&str; 4] = [
    "embedding_dimension",
    "include_prompt",
    "pooling_mode",
    "word_embedding_dimension",
];

/// The columns that are pooled, and the one mode that is set: `"pooling_mode": "mean"`, or one of many flags as older files have it.
fn read_pooling(path: &Path) -> Result<(Pooling, Option<usize>, bool)> {
    let config: Map<String, Value> = json::settings(path)?;
    let is_flag = |(key, value): &(&String, &Value)| {
        key.starts_with("pooling_mode_") && matches!(value, Value::Bool(_))
    };
    let others = config.iter().filter(|it| !is_flag(it));
    let others = others.map(|(key, value)| (key.clone(), value.clone()));
    json::refuse_others(path, &others.collect(), &POOLING_KEYS)?;
    let named = match config.get("pooling_mode") {
        None => None,
        Some(Value::String(mode)) => Some(mode.clone()),
        Some(other) => Some(other.to_string()),
    };
    let flags = config
        .iter()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
        .map(|(key, _)| key.trim_start_matches("pooling_mode_").to_owned());
    let modes: Vec<String> = named.into_iter().chain(flags).collect();
    let dimensions = ["word_embedding_dimension", "embedding_dimension"];
    let dimensions = dimensions.iter().find_map(|key| config.get(*key)?.as_u64());
    let dimensions = dimensions.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let pooling = match modes.join(" and ").as_str() {
        "mean" | "mean_tokens" => Pooling::Mean,
        "max" | "max_tokens" => Pooling::Max,
        "cls" | "cls_token" => Pooling::Cls,
        "lasttoken" => Pooling::Last,
        "mean_sqrt_len_tokens" => Pooling::MeanSqrtLen,
        "weightedmean" | "weightedmean_tokens" => Pooling::WeightedMean,
        found => {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                what: "pooling mode",
                found: if found.is_empty() { "none" } else { found }.to_owned(),
                supported: "one of mean, max, cls, lasttoken, mean_sqrt_len_tokens, weightedmean"
                    .to_owned(),
            });
        }
    };
    let include_prompt = config.get("include_prompt") != Some(&Value::Bool(false));
    Ok((pooling, dimensions, include_prompt))
}

/// The longest text that a directory's tokenizer takes, in tokens; `None` if it does not say so.
///
/// # Errors
/// [`Error::Malformed`].
pub(super) fn tokenizer_limit(directory: &Path) -> Result<Option<usize>> {
    let config: TokenizerConfig =
        json::read_if_there(&directory.join("tokenizer_config.json"))?.unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 1e9"
    )]
    Ok(config
        .model_max_length
        .filter(|limit| (1.0..1e9).contains(limit))
        .map(|limit| limit as usize))
}
