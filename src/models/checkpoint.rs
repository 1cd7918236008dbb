use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::derived::Source;
use super::json;
use super::safetensors_file::SafetensorsFile;
use super::torch_file::TorchFile;
use crate::error::{Error, Result};
use crate::plan::Weights;

/// A model's weights: one file, or the shards that an index names, memory-mapped; of safetensors, or of torch's own format,
/// of which nothing is run.
///
/// ```
/// use wgformer::models::Checkpoint;
/// use wgformer::plan::Weights;
///
/// # let folder = "tests/data/tiny/plain";
/// let checkpoint = Checkpoint::open(folder.as_ref())?;
/// let name = "embeddings.word_embeddings.weight";
/// println!("{name}: {:?}", checkpoint.shape(name));
/// let rows = checkpoint.rows(name, &[5, 7])?; // [2, hidden]
/// # assert_eq!(rows.len(), 2 * 32);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    /// Or its only file.
    directory: PathBuf,
    shards: Vec<Shard>,
}

/// One file of weights.
#[derive(Debug)]
enum Shard {
    Safetensors(SafetensorsFile),
    Torch(TorchFile),
}

/// The names that a whole checkpoint goes by, in the order in which they are looked for; an index of shards has another
/// `.index.json` behind it.
const NAMES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards of `model.safetensors.index.json`; where there is neither,
    /// `pytorch_model.bin`, or the shards of `pytorch_model.bin.index.json`; where there is none of these, `model.pt` or
    /// `model.pth`, or the only file whose name ends so.
    ///
    /// # Errors
    /// [`Error::Io`] if a file is missing, [`Error::Malformed`] if one is damaged, its header lies, its pickle asks for
    /// anything but tensors, or several files could be it.
    pub fn open(directory: &Path) -> Result<Self> {
        let shards = paths(directory)?.into_iter().map(|path| Shard::open(&path));
        Ok(Self {
            shards: shards.collect::<Result<_>>()?,
            directory: directory.to_owned(),
        })
    }

    /// Opens one file of weights: safetensors, or as `torch.save` writes it, whatever it is called.
    ///
    /// ```
    /// use wgformer::models::Checkpoint;
    /// use wgformer::plan::Weights;
    ///
    /// # let file = "tests/data/tiny/plain/model.safetensors";
    /// let checkpoint = Checkpoint::open_file(file.as_ref())?;
    /// assert!(checkpoint.shape("embeddings.word_embeddings.weight").is_some());
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open_file(path: &Path) -> Result<Self> {
        Ok(Self {
            shards: vec![Shard::open(path)?],
            directory: path.to_owned(),
        })
    }

    /// The files that a checkpoint is made of: an index of shards, if there is one, and the weights.
    ///
    /// # Errors
    /// [`Error::Malformed`] if an index names something else.
    pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
        let index = NAMES.map(|name| directory.join(format!("{name}.index.json")));
        let mut files = paths(directory)?;
        if files
            .iter()
            .all(|file| NAMES.iter().all(|name| !file.ends_with(name)))
        {
            files.extend(index.into_iter().find(|index| index.exists()));
        }
        Ok(files)
    }

    fn find(&self, name: &str) -> Option<(&Shard, &[usize])> {
        let mut shards = self.shards.iter();
        shards.find_map(|shard| Some((shard, shard.shape(name)?)))
    }

    fn named(&self, name: &str) -> Result<(&Shard, &[usize])> {
        self.find(name).ok_or_else(|| Error::TensorMissing {
            location: self.location(),
            tensor: name.to_owned(),
        })
    }
}

/// The files of a checkpoint.
fn paths(directory: &Path) -> Result<Vec<PathBuf>> {
    for name in NAMES {
        let whole = directory.join(name);
        if whole.exists() {
            return Ok(vec![whole]);
        }
        let index = directory.join(format!("{name}.index.json"));
        if let Some(read) = json::read_if_there(&index)? {
            return shard_paths(directory, &index, read);
        }
    }
    match by_its_end(directory)? {
        Some(path) => Ok(vec![path]),
        None => Ok(vec![directory.join(NAMES[0])]), // whose absence is the error
    }
}

/// A file as programs call what `torch.save` writes for them: `model` with one of the usual ends, else the only one with
/// such an end.
fn by_its_end(directory: &Path) -> Result<Option<PathBuf>> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|it| it == "pt" || it == "pth");
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|it| it.path()).filter(is_one).collect();
    found.sort();
    let called_model = found
        .iter()
        .position(|path| path.file_stem().is_some_and(|it| it == "model"));
    if let Some(place) = called_model {
        return Ok(Some(found.swap_remove(place)));
    }
    if found.len() > 1 {
        let names = found.iter().filter_map(|path| path.file_name()?.to_str());
        let names: Vec<&str> = names.collect();
        let message = format!(
            "has no {}, and any of {} could be the weights: call that model.pt",
            NAMES.join(" or "),
            names.join(", ")
        );
        return Err(Error::Malformed {
            path: directory.to_owned(),
            message,
        });
    }
    Ok(found.pop())
}

fn shard_paths(directory: &Path, index: &Path, read: Index) -> Result<Vec<PathBuf>> {
    let names: BTreeSet<String> = read.weight_map.into_values().collect();
    // A name is a file of this directory and nothing else.
    if let Some(name) = names
        .iter()
        .find(|name| Path::new(name).file_name() != Some(name.as_ref()))
    {
        let message = format!("{name:?} is not the name of a file in the same folder");
        return Err(Error::Malformed {
            path: index.to_owned(),
            message,
        });
    }
    if names.is_empty() {
        return Err(Error::Malformed {
            path: index.to_owned(),
            message: "names no file".to_owned(),
        });
    }
    Ok(names.iter().map(|name| directory.join(name)).collect())
}

impl Shard {
    fn open(path: &Path) -> Result<Self> {
        if path.extension().is_some_and(|it| it == "safetensors") {
            SafetensorsFile::open(path).map(Self::Safetensors)
        } else {
            TorchFile::open(path).map(Self::Torch)
        }
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        match self {
            Self::Safetensors(file) => file.shape(name),
            Self::Torch(file) => file.shape(name),
        }
    }

    fn values(&self, name: &str, elements: Range<usize>) -> Result<Cow<'_, [f32]>> {
        match self {
            Self::Safetensors(file) => file.values(name, elements),
            Self::Torch(file) => file.values(name, elements),
        }
    }
}

impl Source for Checkpoint {
    fn filled_up(&self, name: &str, elements: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let (shard, shape) = self.named(name)?;
        let last = shape.iter().product();
        let values = shard.values(name, elements.start.min(last)..elements.end.min(last))?;
        if values.len() == elements.len() {
            return Ok(values); // as they lie in the file: they may be most of the model
        }
        let mut values = values.into_owned();
        values.resize(elements.len(), 0.0);
        Ok(Cow::Owned(values))
    }
}

impl Weights for Checkpoint {
    fn location(&self) -> String {
        self.directory.display().to_string()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.find(name)?.1.to_vec())
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let (shard, shape) = self.named(name)?;
        shard.values(name, 0..shape.iter().product())
    }

    /// Of a table that lies in the file in f16, these rows alone are converted.
    fn rows(&self, name: &str, rows: &[u32]) -> Result<Vec<f32>> {
        let (shard, shape) = self.named(name)?;
        let cols = shape.last().copied().unwrap_or(0);
        let mut values = Vec::with_capacity(rows.len() * cols);
        for row in rows {
            let first = *row as usize * cols;
            values.extend_from_slice(&shard.values(name, first..first + cols)?);
        }
        Ok(values)
    }
}
