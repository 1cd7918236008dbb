//! Which of a repository's files this engine reads.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::hub::{Hub, RemoteFile, Repository};
use super::store::Store;

/// Small files, wherever they are: settings, of ColBERT too, and of an adapter, with which a model is refused; BGE-M3's
/// heads.
const SMALL: [&str; 13] = [
    "adapter_config.json",
    "added_tokens.json",
    "artifact.metadata",
    "colbert_linear.pt",
    "config.json",
    "config_sentence_transformers.json",
    MODULES,
    ROUTER,
    "sentence_bert_config.json",
    "sparse_linear.pt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// What tokenizers are made of where there is no `tokenizer.json`.
const VOCABULARIES: [&str; 8] = [
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
];

/// Weights, best first: the whole, and how the shards of it begin and end, which an index names.
const WEIGHTS: [(&str, &str, &str); 4] = [
    ("model.safetensors", "model-", ".safetensors"),
    ("pytorch_model.bin", "pytorch_model-", ".bin"),
    ("model.pt", "model-", ".pt"),
    ("model.pth", "model-", ".pth"),
];

/// What lists a model's modules.
const MODULES: &str = "modules.json";

/// What lists those of a module that chooses between others, in its folder.
const ROUTER: &str = "router_config.json";

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct Router {
    /// By their folders.
    types: BTreeMap<String, Value>,
}

/// The folders of a model: its own, and those that its lists of modules name; and which of these had to be fetched.
pub(super) fn folders(
    hub: &Hub,
    repository: &Repository,
    store: &Store,
) -> Result<(Vec<String>, Vec<String>)> {
    let mut lists = Lists {
        hub,
        repository,
        store,
        fetched: Vec::new(),
    };
    let modules: Vec<Module> = lists.read(MODULES)?.unwrap_or_default();
    let mut folders = vec![String::new()];
    folders.extend(modules.into_iter().map(|module| module.path));
    for folder in folders.clone() {
        let list: Option<Router> = lists.read(&inside(&folder, ROUTER))?;
        let named = list.into_iter().flat_map(|list| list.types.into_keys());
        folders.extend(named.map(|name| inside(&folder, &name)));
    }
    folders.sort();
    folders.dedup();
    Ok((folders, lists.fetched))
}

/// The name that something has in a folder, which is "" for the model's own.
fn inside(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

/// Files that say which others are read.
struct Lists<'a> {
    hub: &'a Hub,
    repository: &'a Repository,
    store: &'a Store,
    /// Those that were not there.
    fetched: Vec<String>,
}

impl Lists<'_> {
    /// What one says, if the model has it.
    fn read<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let is_list = |file: &&RemoteFile| file.name == name;
        let Some(list) = self.repository.files.iter().find(is_list) else {
            return Ok(None);
        };
        if super::pull(self.hub, self.repository, self.store, list, |_| ())? {
            self.fetched.push(name.to_owned());
        }
        let path = self.store.path(list);
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let read = serde_json::from_str(&text);
        Ok(Some(
            read.map_err(|error| anyhow!("{}: {error}", path.display()))?,
        ))
    }
}

/// The files in these folders that are read.
pub(super) fn files<'a>(
    repository: &'a Repository,
    folders: &[String],
) -> Result<Vec<&'a RemoteFile>> {
    let of_folder = |folder: &String| in_folder(repository, folder);
    let found: Vec<&RemoteFile> = folders.iter().flat_map(of_folder).collect();
    let has = |name: &str| {
        found
            .iter()
            .any(|file| file.name.rsplit('/').next() == Some(name))
    };
    let name = &repository.name;
    if !has("config.json") {
        return Err(anyhow!(
            "{name} has no config.json, so it is no model that transformers knows"
        ));
    }
    if !WEIGHTS
        .iter()
        .any(|(whole, ..)| has(whole) || has(&format!("{whole}.index.json")))
    {
        return Err(anyhow!(
            "{name} has no weights in a format that is read: model.safetensors or pytorch_model.bin, whole or in shards, or model.pt"
        ));
    }
    Ok(found)
}

fn in_folder<'a>(repository: &'a Repository, folder: &str) -> Vec<&'a RemoteFile> {
    let own_name = |file: &'a RemoteFile| {
        let name = match folder {
            "" => Some(&file.name[..]),
            _ => file.name.strip_prefix(folder)?.strip_prefix('/'),
        };
        name.filter(|name| !name.contains('/'))
            .map(|name| (name, file))
    };
    let there: Vec<(&str, &RemoteFile)> = repository.files.iter().filter_map(own_name).collect();
    let has = |name: &str| there.iter().any(|(own, _)| *own == name);
    let is_vocabulary = |name: &str| VOCABULARIES.contains(&name) && !has("tokenizer.json");
    let index = |whole: &str| format!("{whole}.index.json");
    let weights = WEIGHTS
        .iter()
        .find(|(whole, ..)| has(whole) || has(&index(whole)));
    let is_weights = |name: &str| {
        weights.is_some_and(|(whole, start, end)| {
            let is_shard = name.starts_with(start) && name.ends_with(end);
            if has(whole) {
                name == *whole
            } else {
                name == index(whole) || is_shard
            }
        })
    };
    let is_read = |name: &str| SMALL.contains(&name) || is_vocabulary(name) || is_weights(name);
    let read = there.iter().filter(|(name, _)| is_read(name));
    read.map(|(_, file)| *file).collect()
}
