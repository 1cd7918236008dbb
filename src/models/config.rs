use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::json;
use crate::error::{Error, Result};
use crate::ops::Activation;

/// `config.json`: remembers which keys were asked for, so that one nobody understood is an error and not silence.
///
/// ```
/// use wgformer::models::Config;
///
/// # let folder = std::path::Path::new("tests/data/tiny/plain");
/// let config = Config::read(&folder.join("config.json"))?;
/// assert_eq!(config.string("model_type")?, "bert");
/// assert_eq!(config.activation("hidden_act", "gelu")?, wgformer::ops::Activation::Gelu);
/// assert_eq!(config.labels()?, ["LABEL_0", "LABEL_1"]);
/// assert_eq!(config.architectures(), ["BertModel"]);
/// assert_eq!(config.size_or_none("pad_token_id", 1)?, 0);
/// assert!(!config.boolean("is_decoder", false)?);
/// assert!(config.value("auto_map").is_none());
/// let hidden = config.size("hidden_size", 768)?;
/// let eps = config.positive("layer_norm_eps", 1e-12)?;
/// println!("{}: {hidden} columns, eps {eps}", config.path().display());
/// config.expect("hidden_act", &["gelu".into()])?; // a file that says another is refused
/// assert!(config.refuse_unknown(&[]).is_err()); // the layers, which nobody asked for yet
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Debug)]
pub struct Config {
    path: PathBuf,
    values: Map<String, Value>,
    understood: RefCell<BTreeSet<&'static str>>,
}

/// Keys of every architecture that change nothing about inference, whatever they say: what training, generation or a
/// tokenizer would read, among them what `pytorch_transformers` and transformers 2 to 5 write into every file.
const HARMLESS: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "_num_labels",
    "architectures",
    "attn_implementation",
    "author",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cls_token_id",
    "cross_attention_hidden_size",
    "custom_pipelines",
    "decoder_start_token_id",
    "directionality",
    "diversity_penalty",
    "do_lower_case",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "eos_token_ids",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "id2label",
    "initializer_range",
    "is_composition",
    "label2id",
    "language",
    "layers_to_keep",
    "length_penalty",
    "license",
    "loss_type",
    "mask_token_id",
    "matryoshka_dimensions",
    "max_length",
    "min_length",
    "model_max_length",
    "model_name",
    "name",
    "name_or_path",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sbert_ce_default_activation_function",
    "sentence_transformers",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
    "xla_device",
];

/// Keys of every architecture that are understood as long as they ask for nothing, and what they say then: attention to all
/// of a text, and no part of the model left out.
const ASKING_FOR_NOTHING: &[(&str, &str)] = &[
    ("add_cross_attention", "false"),
    ("is_causal", "false"),
    ("is_decoder", "false"),
    ("is_encoder_decoder", "false"),
    ("pruned_heads", "{}"),
];

/// The functions that there are, by the names of transformers' `ACT2FN`.
const ACTIVATIONS: &[(&str, Activation)] = &[
    ("gelu", Activation::Gelu),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("tanh", Activation::Tanh),
];

/// No size in a configuration is larger: products of two of them still fit 64 bits.
const MAX_SIZE: u64 = 1 << 28;

/// Of layers, where layers may share their weights, so that none is ever missing.
const MAX_LAYERS: u64 = 1 << 12;

/// Of labels, each of which has a name.
const MAX_LABELS: u64 = 1 << 20;

/// Of positions, for some of which tables are computed: a key with `position` in it, or `max_length`.
const MAX_POSITIONS: u64 = 1 << 20;

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Malformed`]; [`Error::Unsupported`] if an adapter lies beside it.
    pub fn read(path: &Path) -> Result<Self> {
        let adapter = path.with_file_name("adapter_config.json");
        if adapter.exists() {
            return Err(Error::Unsupported {
                path: adapter,
                what: "adapter",
                found: "LoRA or another of PEFT's".to_owned(),
                supported: "a model that it was merged into (`merge_and_unload`)".to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            values: json::read(path)?,
            understood: RefCell::default(),
        })
    }

    /// What `config.json` would say, where there is no file.
    ///
    /// See [`Network::synthetic`](super::Network::synthetic) for an example.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no JSON object.
    pub fn from_json(json: &str) -> Result<Self> {
        let path = PathBuf::from("a configuration in memory");
        match serde_json::from_str(json) {
            Ok(values) => Ok(Self {
                path,
                values,
                understood: RefCell::default(),
            }),
            Err(error) => Err(Error::Malformed {
                path,
                message: error.to_string(),
            }),
        }
    }

    /// The file, or what stands for one in errors.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn get(&self, key: &'static str) -> Option<&Value> {
        self.understood.borrow_mut().insert(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn malformed(&self, message: String) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            message,
        }
    }

    /// A size, at least 1; `default` where the key is missing, as transformers has it.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is something else.
    pub fn size(&self, key: &'static str, default: usize) -> Result<usize> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        let most = match key {
            _ if key.contains("layer") => MAX_LAYERS,
            "num_labels" => MAX_LABELS,
            _ if key.contains("position") || key == "max_length" => MAX_POSITIONS,
            _ => MAX_SIZE,
        };
        match value.as_u64() {
            #[expect(clippy::cast_possible_truncation, reason = "at most MAX_SIZE")]
            Some(size) if (1..=most).contains(&size) => Ok(size as usize),
            _ => Err(self.malformed(format!(
                "{key} must be a number from 1 to {most}, is {value}"
            ))),
        }
    }

    /// A size, at least 1, that has no default.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is missing or something else.
    pub(super) fn required_size(&self, key: &'static str) -> Result<usize> {
        match self.size(key, 0)? {
            0 => Err(self.malformed(format!("{key} is missing"))),
            size => Ok(size),
        }
    }

    /// As [`Config::size`], where 0 is one too: of something that may be left out.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is something else.
    pub fn size_or_none(&self, key: &'static str, default: usize) -> Result<usize> {
        match self.get(key) {
            Some(value) if value.as_u64() == Some(0) => Ok(0),
            _ => self.size(key, default),
        }
    }

    /// Yes or no; `default` where the key is missing.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is something else.
    pub fn boolean(&self, key: &'static str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(self.malformed(format!("{key} must be true or false, is {other}"))),
        }
    }

    /// The names of the labels that a classification tells apart: `id2label` in the order of its numbers, else
    /// `LABEL_0`, `LABEL_1` and so on for `num_labels`, 2 where that is missing too, as transformers has it.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the numbers are not those from 0 on.
    pub fn labels(&self) -> Result<Vec<String>> {
        let Some(named) = self.get("id2label") else {
            let count = self.size("num_labels", 2)?;
            return Ok((0..count).map(|label| format!("LABEL_{label}")).collect());
        };
        let named = named.as_object().cloned().unwrap_or_default();
        let label = |number: usize| Some(named.get(&number.to_string())?.as_str()?.to_owned());
        let labels: Option<Vec<String>> = (0..named.len()).map(label).collect();
        labels.filter(|labels| !labels.is_empty()).ok_or_else(|| {
            self.malformed("id2label must give a name to each number from 0 on".to_owned())
        })
    }

    /// The classes of transformers that the checkpoint was saved as, such as `BertForMaskedLM`; none where it does not say.
    #[must_use]
    pub fn architectures(&self) -> Vec<String> {
        let classes = self.get("architectures").and_then(Value::as_array);
        let names = classes.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }

    /// What the file has under a key, null included, which [`Config::value`] leaves out, for whoever only tells one file
    /// from another by it: the key is not understood by that.
    pub(super) fn peek(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The value of a key as it is; `None` where it is missing or null.
    #[must_use]
    pub fn value(&self, key: &'static str) -> Option<&Value> {
        self.get(key)
    }

    /// An object; `None` where the key is missing.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is something else.
    pub(super) fn object(&self, key: &'static str) -> Result<Option<&Map<String, Value>>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(other) => Err(self.malformed(format!("{key} must be an object, is {other}"))),
        }
    }

    /// The function between the two linear layers of a feed-forward block, as transformers' `ACT2FN` names it;
    /// `default` where the key is missing.
    ///
    /// # Errors
    /// [`Error::Unsupported`], listing those there are.
    pub fn activation(&self, key: &'static str, default: &str) -> Result<Activation> {
        let found = match self.get(key) {
            None => default,
            Some(Value::String(name)) => name,
            Some(other) => return Err(self.malformed(format!("{key} must be a name, is {other}"))),
        };
        let known = ACTIVATIONS.iter().find(|(name, _)| *name == found);
        known.map(|(_, activation)| *activation).ok_or_else(|| {
            let names: Vec<&str> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
            self.unsupported(key, found, names.join(", "))
        })
    }

    /// What is not done: the value of a key, and what would be.
    pub(super) fn unsupported(
        &self,
        what: &'static str,
        found: impl Into<String>,
        supported: impl Into<String>,
    ) -> Error {
        Error::Unsupported {
            path: self.path.clone(),
            what,
            found: found.into(),
            supported: supported.into(),
        }
    }

    /// A positive number; `default` where the key is missing.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is something else.
    pub fn positive(&self, key: &'static str, default: f32) -> Result<f32> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        #[expect(clippy::cast_possible_truncation, reason = "an epsilon is used in f32")]
        let number = value.as_f64().map(|number| number as f32);
        match number {
            Some(number) if number > 0.0 && number.is_finite() => Ok(number),
            _ => Err(self.malformed(format!("{key} must be a positive number, is {value}"))),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is missing or something else.
    pub fn string(&self, key: &'static str) -> Result<String> {
        match self.get(key) {
            Some(Value::String(string)) => Ok(string.clone()),
            Some(other) => Err(self.malformed(format!("{key} must be a string, is {other}"))),
            None => Err(self.malformed(format!("{key} is missing"))),
        }
    }

    /// Refuses a key that has another value than those this crate does; a missing key is fine. 1 and 1.0 are the same.
    ///
    /// # Errors
    /// [`Error::Unsupported`], listing what is supported.
    pub fn expect(&self, key: &'static str, supported: &[Value]) -> Result<()> {
        match self.get(key) {
            Some(found) if !supported.iter().any(|it| are_the_same(it, found)) => {
                let found = found
                    .as_str()
                    .map_or_else(|| found.to_string(), str::to_owned);
                let supported: Vec<String> = supported.iter().map(Value::to_string).collect();
                Err(self.unsupported(key, found, supported.join(", ")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses any key that was not asked for and is not harmless, in every architecture or in this one, whatever it says.
    /// Only null passes: it is how transformers writes that a key is not set.
    ///
    /// # Errors
    /// [`Error::Unsupported`], naming all such keys with their values.
    pub fn refuse_unknown(&self, harmless: &[&str]) -> Result<()> {
        for (key, nothing) in ASKING_FOR_NOTHING {
            self.expect(key, &[nothing.parse().expect("JSON")])?;
        }
        let understood = self.understood.borrow();
        let known = |key: &str| {
            understood.contains(key) || HARMLESS.contains(&key) || harmless.contains(&key)
        };
        let unknown = self.values.iter().filter(|(key, _)| !known(key));
        let all: Vec<&str> = understood.iter().copied().collect();
        let instead = format!("; understood here: {}", all.join(", "));
        json::refuse_unknown(&self.path, unknown, &instead)
    }
}

/// Whether two values are equal: of numbers what they are, not how they are written.
pub(super) fn are_the_same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}
