//! Which of a repository's files this engine reads.

use std::fs;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

use super::hub::{Hub, RemoteFile, Repository};
use super::store::Store;

/// Small files, wherever they are: settings, of ColBERT too, and of an adapter, with which a model is refused; BGE-M3's
/// heads.
const SMALL: [&str; 12] = [
    "adapter_config.json",
    "added_tokens.json",
    "artifact.metadata",
    "colbert_linear.pt",
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
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

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
}

/// What lists a model's modules.
pub(super) const MODULES: &str = "modules.json";

/// The folders of a model: its own, and those that `modules.json` names; and whether that had to be fetched.
pub(super) fn folders(
    hub: &Hub,
    repository: &Repository,
    store: &Store,
) -> Result<(Vec<String>, bool)> {
    let mut folders = vec![String::new()];
    let is_list = |file: &&RemoteFile| file.name == MODULES;
    let Some(list) = repository.files.iter().find(is_list) else {
        return Ok((folders, false));
    };
    let fetched = super::pull(hub, repository, store, list, |_| ())?;
    let path = store.path(list);
    let text = fs::read_to_string(&path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let modules: Result<Vec<Module>, _> = serde_json::from_str(&text);
    let modules = modules.map_err(|error| anyhow!("{}: {error}", path.display()))?;
    folders.extend(modules.into_iter().map(|module| module.path));
    folders.sort();
    folders.dedup();
    Ok((folders, fetched))
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
