use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use super::json;
use crate::error::{Error, Result};
use crate::plan::Weights;

/// A model's weights: one safetensors file, or the shards that an index names, memory-mapped.
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
    directory: PathBuf,
    shards: Vec<Shard>,
}

/// One safetensors file, memory-mapped.
#[derive(Debug)]
pub(crate) struct Shard {
    path: PathBuf,
    file: Mmap,
    metadata: Metadata,
    /// Where the tensors' bytes start: offsets count from here.
    data: usize,
}

/// The format's own limit.
const MAX_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards of `model.safetensors.index.json`.
    ///
    /// # Errors
    /// [`Error::Io`] if a file is missing, [`Error::Malformed`] if one is damaged or its header lies.
    pub fn open(directory: &Path) -> Result<Self> {
        let whole = directory.join("model.safetensors");
        let index = directory.join("model.safetensors.index.json");
        let paths = if whole.exists() {
            vec![whole]
        } else if let Some(read) = json::read_if_there::<Index>(&index)? {
            shard_paths(directory, &index, read)?
        } else if directory.join("pytorch_model.bin").exists() {
            return Err(Error::Unsupported {
                path: directory.to_owned(),
                what: "weights file",
                found: "pytorch_model.bin".to_owned(),
                supported:
                    "model.safetensors, whole or in shards; convert it with safetensors' own tools"
                        .to_owned(),
            });
        } else {
            vec![whole]
        };
        let shards = paths.into_iter().map(Shard::open).collect::<Result<_>>()?;
        Ok(Self {
            directory: directory.to_owned(),
            shards,
        })
    }

    fn find(&self, name: &str) -> Option<(&Shard, &TensorInfo)> {
        self.shards
            .iter()
            .find_map(|shard| Some((shard, shard.metadata.info(name)?)))
    }

    fn named(&self, name: &str) -> Result<(&Shard, &TensorInfo)> {
        self.find(name).ok_or_else(|| Error::TensorMissing {
            location: self.location(),
            tensor: name.to_owned(),
        })
    }
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
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is damaged or its header lies.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(io)?;
        #[expect(
            unsafe_code,
            reason = "memory-mapping; the argument is in the SAFETY comment"
        )]
        // SAFETY: the map is only read. Another process that shortens the file meanwhile would end this one by a
        // signal, as for every program that maps files; the weights are read while the model is loaded or recovered,
        // and rows of a table that is too large for the device with every run.
        let file = unsafe { Mmap::map(&file) }.map_err(io)?;
        let (metadata, data) = read_header(&file).map_err(|message| Error::Malformed {
            path: path.clone(),
            message,
        })?;
        Ok(Self {
            path,
            file,
            metadata,
            data,
        })
    }

    /// What its header says.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Some elements of one of its tensors, as f32, row-major.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they are of a type that is not read.
    pub(crate) fn values(
        &self,
        name: &str,
        info: &TensorInfo,
        elements: Range<usize>,
    ) -> Result<Cow<'_, [f32]>> {
        let malformed = |message| Error::Malformed {
            path: self.path.clone(),
            message,
        };
        let (start, end) = info.data_offsets;
        let size = info.dtype.bitsize() / 8;
        let of_tensor = self.file.get(self.data + start..self.data + end);
        let bytes = of_tensor.and_then(|it| it.get(elements.start * size..elements.end * size));
        let bytes = bytes
            .ok_or_else(|| malformed(format!("tensor {name:?} lies past the end of the file")))?;
        match info.dtype {
            Dtype::F32 => Ok(match bytemuck::try_cast_slice(bytes) {
                Ok(values) => Cow::Borrowed(values),
                Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(bytes)), // not aligned in the file
            }),
            Dtype::F16 => Ok(halves(bytes)
                .map(|bits| half::f16::from_bits(bits).to_f32())
                .collect()),
            Dtype::BF16 => Ok(halves(bytes)
                .map(|bits| half::bf16::from_bits(bits).to_f32())
                .collect()),
            other => Err(malformed(format!(
                "tensor {name:?} is {other:?}; only F32, F16 and BF16 can be read"
            ))),
        }
    }
}

fn elements(info: &TensorInfo) -> usize {
    info.shape.iter().product()
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// A file's header, and where the tensors' bytes start; or what is wrong with it.
///
/// Not by the crate's own `read_metadata`: it adds up offsets that the file chooses, which panics where overflow is
/// checked.
fn read_header(file: &[u8]) -> Result<(Metadata, usize), String> {
    // What a clone without Git LFS has in the place of every large file.
    if file.starts_with(b"version https://git-lfs") {
        return Err("is only a Git LFS pointer: fetch the file itself with `git lfs pull`".into());
    }
    let cut_off =
        || "is cut off, or is no safetensors file: its header is longer than the file".to_owned();
    let (length, rest) = file.split_first_chunk().ok_or_else(cut_off)?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(
            "is no safetensors file, or its header lies: it would be longer than 100 MB".into(),
        );
    }
    let (header, data) = rest.split_at_checked(length as usize).ok_or_else(cut_off)?;
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|error| format!("has a broken safetensors header: {error}"))?;
    if metadata.data_len() != data.len() {
        return Err(
            "is cut off, or its header lies: the tensors it lists do not fill the file exactly"
                .into(),
        );
    }
    Ok((metadata, file.len() - data.len()))
}

impl Weights for Checkpoint {
    fn location(&self) -> String {
        self.directory.display().to_string()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.find(name)?.1.shape.clone())
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let (shard, info) = self.named(name)?;
        shard.values(name, info, 0..elements(info))
    }

    /// Of a table that lies in the file in f16, these rows alone are converted.
    fn rows(&self, name: &str, rows: &[u32]) -> Result<Vec<f32>> {
        let (shard, info) = self.named(name)?;
        let cols = info.shape.last().copied().unwrap_or(0);
        let mut values = Vec::with_capacity(rows.len() * cols);
        for row in rows {
            let first = *row as usize * cols;
            values.extend_from_slice(&shard.values(name, info, first..first + cols)?);
        }
        Ok(values)
    }
}
