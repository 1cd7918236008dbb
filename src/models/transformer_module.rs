//! `sentence_bert_config.json`: how sentence-transformers runs the model itself.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::json;
use crate::error::{Error, Result};

/// What it says that matters here.
#[derive(Deserialize, Default)]
pub(super) struct TransformerConfig {
    pub(super) max_seq_length: Option<usize>,
    #[serde(default)]
    pub(super) do_lower_case: bool,
    /// Which of the model's outputs is taken: of its last layer, or of its head.
    modality_config: Option<Value>,
    /// What that is called from there on.
    module_output_name: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Read elsewhere ([`MultiVector`](super::MultiVector)), or of no consequence.
const KNOWN: [&str; 5] = [
    "transformer_task",
    "unpad_inputs",
    "query_length",
    "document_length",
    "query_expansion",
];

/// Arguments for transformers' own classes.
const ARGUMENTS: [&str; 7] = [
    "config_args",
    "config_kwargs",
    "model_args",
    "model_kwargs",
    "processing_kwargs",
    "processor_kwargs",
    "tokenizer_args",
];

/// Outputs of a model, and what a module calls them.
const OUTPUTS: [(&str, &str); 3] = [
    ("last_hidden_state", "token_embeddings"),
    ("logits", "token_embeddings"),
    ("logits", "scores"),
];

/// Arguments that change none of the outputs there are here: whether a model's own code may run, whether there is a pooler
/// behind the last layer, and how weights are saved.
const WITHOUT_EFFECT: [&str; 3] = [
    "add_pooling_layer",
    "safe_serialization",
    "trust_remote_code",
];

/// Whether an object has no arguments but those.
fn is_without_effect(value: &Value) -> bool {
    let arguments = value.as_object();
    arguments.is_some_and(|all| all.keys().all(|key| WITHOUT_EFFECT.contains(&&key[..])))
}

impl TransformerConfig {
    /// Of a module's folder; of nothing where there is no such file.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Unsupported`] for another output, or a key that nothing here asks for.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("sentence_bert_config.json");
        let read: Self = json::settings_if_there(&path)?.unwrap_or_default();
        let mut others = read.others.clone();
        others.retain(|key, value| !(ARGUMENTS.contains(&&key[..]) && is_without_effect(value)));
        json::refuse_others(&path, &others, &KNOWN)?;
        let text = read.modality_config.as_ref().map(|all| &all["text"]);
        let Some(text) = text else {
            return Ok(read);
        };
        let output = text["method_output_name"].as_str().unwrap_or_default();
        let called = read.module_output_name.as_deref().unwrap_or_default();
        if text["method"] == "forward" && OUTPUTS.contains(&(output, called)) {
            return Ok(read);
        }
        Err(Error::Unsupported {
            path,
            what: "modality_config",
            found: format!("{text} as {called:?}"),
            supported: "last_hidden_state of forward as token_embeddings, or logits".to_owned(),
        })
    }
}
