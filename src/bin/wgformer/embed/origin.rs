//! What the vectors of a run come from: two runs of the same origin give the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;
use wgformer::Gpu;
use wgformer::plan::Plan;
use wgformer::tensor::Sizes;

/// Files go by what is in them, wherever they are and whenever they were written.
#[derive(Serialize, Deserialize)]
pub(super) struct Origin {
    wgformer: String,
    adapter: String,
    /// What runs each step of the model.
    kernels: Vec<String>,
    input: String,
    /// How long the input was, and when it was last written, as this run found it.
    #[serde(skip)]
    found: Option<Found>,
    /// Every file of the model that may be read, by its name.
    model: BTreeMap<String, String>,
    /// Every option that may change a result, as it was given, or nothing.
    options: BTreeMap<String, Option<String>>,
}

/// What tells cheaply that nobody wrote to a file meanwhile.
#[derive(PartialEq)]
struct Found {
    path: PathBuf,
    bytes: u64,
    written: Option<SystemTime>,
}

impl Found {
    fn of(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path);
        let metadata =
            metadata.map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            bytes: metadata.len(),
            written: metadata.modified().ok(),
        })
    }
}

impl Origin {
    pub(super) fn new(
        gpu: &Gpu,
        plans: &[&Plan],
        input: &Path,
        model: &Path,
        options: impl IntoIterator<Item = (&'static str, Option<String>)>,
    ) -> Result<Self> {
        let options = options.into_iter();
        Ok(Self {
            wgformer: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: gpu.capabilities().to_string(),
            kernels: plans.iter().flat_map(|plan| kernels(plan)).collect(),
            found: Some(Found::of(input)?),
            input: hash(input)?,
            model: model_files(model)?,
            options: options
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }

    /// # Errors
    /// If the input is not as it was when this run began.
    pub(super) fn check_input(&self) -> Result<()> {
        match &self.found {
            Some(found) if *found != Found::of(&found.path)? => bail!(
                "{} was changed while it was read: run it again from the start",
                found.path.display()
            ),
            _ => Ok(()),
        }
    }

    /// What is not as it was in an earlier run, for an error to end with.
    pub(super) fn difference(&self, earlier: &Self) -> Option<String> {
        if self.wgformer != earlier.wgformer {
            let (before, now) = (&earlier.wgformer, &self.wgformer);
            return Some(format!("by wgformer {before}, and this is wgformer {now}"));
        }
        if let Some((name, before, now)) = first_difference(&earlier.options, &self.options) {
            let given = |value: Option<&Option<String>>| match value.cloned().flatten() {
                Some(value) => format!("{name} {value}").trim_end().to_owned(),
                None => format!("no {name}"),
            };
            let (before, now) = (given(before), given(now));
            return Some(format!("with {before}, and this run has {now}"));
        }
        if self.input != earlier.input {
            return Some("with another input: the file has changed since".to_owned());
        }
        if let Some((name, before, now)) = first_difference(&earlier.model, &self.model) {
            return Some(match (before, now) {
                (None, _) => format!("with another model: it had no {name}"),
                (_, None) => format!("with another model: it had a {name}"),
                _ => format!("with another model: its {name} was another"),
            });
        }
        if self.adapter != earlier.adapter {
            let (before, now) = (&earlier.adapter, &self.adapter);
            return Some(format!("on {before}, and this run is on {now}"));
        }
        let steps = earlier.kernels.iter().zip(&self.kernels).enumerate();
        let mut steps = steps.filter(|(_, (before, now))| before != now);
        if let Some((step, (before, now))) = steps.next() {
            return Some(format!(
                "with {before} for step {step}, and this run has {now}, by what `tune` measured since"
            ));
        }
        None
    }
}

/// By name, for one token: which tile of a kernel a batch takes changes no result.
fn kernels(plan: &Plan) -> Vec<String> {
    let one = Sizes::from_segments(&[0, 1]);
    let variants = plan.variants(&one);
    variants.map(|it| it.kernel.name.to_owned()).collect()
}

/// The first key whose values differ, and these.
fn first_difference<'a, T: PartialEq>(
    before: &'a BTreeMap<String, T>,
    now: &'a BTreeMap<String, T>,
) -> Option<(&'a str, Option<&'a T>, Option<&'a T>)> {
    before
        .keys()
        .chain(now.keys())
        .map(|key| (key.as_str(), before.get(key), now.get(key)))
        .find(|(_, before, now)| before != now)
}

/// Configurations, tokenizers and weights, those in its folders too, however deep.
fn model_files(model: &Path) -> Result<BTreeMap<String, String>> {
    let is_read = |path: &&PathBuf| {
        let extension = crate::input::extension(path);
        path.is_file()
            && ["json", "safetensors", "bin", "pt", "pth", "metadata", "txt"]
                .contains(&extension.as_str())
    };
    let paths = files(model, DEEPEST)?;
    let named = paths.iter().filter(is_read).map(|path| {
        let name = path.strip_prefix(model).unwrap_or(path);
        Ok((name.display().to_string(), hash(path)?))
    });
    named.collect()
}

/// Links may lead round in circles.
const DEEPEST: usize = 8;

fn files(folder: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    let entries = entries(folder)?.into_iter();
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    for folder in folders {
        if depth == 0 {
            bail!("{} lies too deep for a model's files", folder.display());
        }
        found.extend(files(&folder, depth - 1)?);
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|error| anyhow!("cannot read {}: {error}", folder.display()))
}

fn hash(path: &Path) -> Result<String> {
    let hash = File::open(path).and_then(|mut file| {
        let mut hasher = XxHash3_128::new();
        hash_rest(&mut file, &mut hasher)?;
        Ok(hasher)
    });
    let hash = hash.map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?;
    Ok(in_hex(&hash))
}

/// Puts all that is left to read into a hash.
pub(super) fn hash_rest(reader: &mut impl Read, hasher: &mut XxHash3_128) -> std::io::Result<u64> {
    use std::io::BufRead;

    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let mut count = 0;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(count);
        }
        hasher.write(bytes);
        let length = bytes.len();
        count += length as u64;
        reader.consume(length);
    }
}

pub(super) fn in_hex(hasher: &XxHash3_128) -> String {
    format!("{:032x}", hasher.finish_128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_files_are_found_however_deep() {
        let model = tempfile::tempdir().unwrap();
        let deep = model.path().join("a").join("b");
        fs::create_dir_all(&deep).unwrap();
        let weights = deep.join("model.safetensors");
        fs::write(&weights, "one").unwrap();
        fs::write(model.path().join("README.md"), "not read").unwrap();
        let before = model_files(model.path()).unwrap();
        assert_eq!(before.len(), 1);
        fs::write(&weights, "another").unwrap();
        assert_ne!(model_files(model.path()).unwrap(), before);

        let too_deep = (0..=DEEPEST).fold(model.path().to_owned(), |path, _| path.join("x"));
        fs::create_dir_all(&too_deep).unwrap();
        let error = model_files(model.path()).unwrap_err().to_string();
        assert!(error.contains("too deep"), "{error}");
    }
}
