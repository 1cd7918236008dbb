//! Where a model is: a folder, a name under `models/`, or a name in the Hugging Face cache. Nothing is downloaded here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

/// The folder of the model that `--model` names.
pub(crate) fn locate(model: &str) -> Result<PathBuf> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let folders = [
        PathBuf::from(model),
        Path::new("models").join(model),
        Path::new("models").join(name),
    ];
    if let Some(found) = folders.into_iter().find(|folder| holds_model(folder)) {
        return Ok(found);
    }
    if Path::new(model).join("adapter_config.json").is_file() {
        return Err(anyhow!(
            "{model}: this folder holds an adapter (LoRA or another of PEFT's) and no model: merge it into its model (`merge_and_unload`), and save that"
        ));
    }
    if Path::new(model).is_dir() {
        return Err(anyhow!(
            "{model}: this folder has neither config.json nor modules.json, so it holds no model"
        ));
    }
    if !is_name(model) {
        return Err(anyhow!(
            "{model:?} is neither a folder with a config.json or a modules.json nor a model's name, NAME or ORG/NAME"
        ));
    }
    let cache = hugging_face_cache();
    let found = cache
        .as_deref()
        .map(|cache| in_cache(cache, model))
        .unwrap_or_default();
    match &found[..] {
        [folder] => Ok(folder.clone()),
        [] => Err(anyhow!("{}", how_to_get(model, cache.as_deref()))),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|folder| folder.display().to_string())
                .collect();
            Err(anyhow!(
                "the Hugging Face cache has more than one model {model:?}; name one as ORG/NAME: {}",
                names.join(", ")
            ))
        }
    }
}

/// Whether a folder does: its own, or in the folders that sentence-transformers' list of modules names.
fn holds_model(folder: &Path) -> bool {
    let is_there = |name| folder.join(name).is_file();
    is_there("config.json") || is_there("modules.json")
}

fn how_to_get(model: &str, cache: Option<&Path>) -> String {
    let cache = cache.map_or_else(
        || "a Hugging Face cache".to_owned(),
        |cache| cache.display().to_string(),
    );
    let (repository, name) = match model.split_once('/') {
        Some((_, name)) => (model.to_owned(), name),
        None => (format!("ORG/{model}"), model),
    };
    let get = if name == super::model_args::DEFAULT_MODEL {
        "`make model` in wgformer's repository fetches it".to_owned()
    } else {
        format!(
            "fetch it with `wgformer pull {repository}` (built with the feature hub) or \
             `hf download {repository} --local-dir models/{name}`"
        )
    };
    format!(
        "there is no model {model:?}, neither as a folder, nor in models/, nor in {cache}; {get}"
    )
}

/// Whether it can be a repository on the hub: NAME or ORG/NAME.
pub(crate) fn is_name(model: &str) -> bool {
    let is_word = |word: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !word.is_empty() && !word.starts_with('.') && word.chars().all(allowed)
    };
    model.split('/').count() <= 2 && model.split('/').all(is_word)
}

/// As Hugging Face's own tools find it.
pub(crate) fn hugging_face_cache() -> Option<PathBuf> {
    variable("HF_HUB_CACHE").or_else(|| Some(hugging_face_home()?.join("hub")))
}

/// Where they keep their cache and the user's token.
pub(crate) fn hugging_face_home() -> Option<PathBuf> {
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
    variable("HF_HOME").or_else(|| Some(cache()?.join("huggingface")))
}

/// A path that the environment names.
fn variable(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// The snapshots of every repository called `model`, whoever it belongs to if no organisation is named.
fn in_cache(cache: &Path, model: &str) -> Vec<PathBuf> {
    let wanted = model.replace('/', "--");
    let is_wanted = |folder: &str| match folder.strip_prefix("models--") {
        Some(repository) if model.contains('/') => repository == wanted,
        Some(repository) => repository == wanted || repository.ends_with(&format!("--{wanted}")),
        None => false,
    };
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let repositories = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_wanted));
    repositories
        .filter_map(|repository| snapshot(&repository.path()))
        .collect()
}

/// What the `main` branch points at, else the only snapshot there is.
fn snapshot(repository: &Path) -> Option<PathBuf> {
    let snapshots = repository.join("snapshots");
    if let Ok(revision) = fs::read_to_string(repository.join("refs").join("main")) {
        return Some(snapshots.join(revision.trim())).filter(|it| holds_model(it));
    }
    let mut all = fs::read_dir(snapshots)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|it| holds_model(it));
    all.next().filter(|_| all.next().is_none())
}
