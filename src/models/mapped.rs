//! A file of weights, memory-mapped, and its bytes as f32.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::Dtype;

use crate::error::{Error, Result};

/// A file of weights, memory-mapped.
#[derive(Debug)]
pub(super) struct Mapped {
    path: PathBuf,
    pub(super) bytes: Mmap,
}

impl Mapped {
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it stands for a file that is elsewhere.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        #[expect(
            unsafe_code,
            reason = "memory-mapping; the argument is in the SAFETY comment"
        )]
        // SAFETY: the map is only read. Another process that shortens the file meanwhile would end this one by a
        // signal, as for every program that maps files; the weights are read while the model is loaded or recovered,
        // and rows of a table that is too large for the device with every run.
        let bytes = unsafe { Mmap::map(&file) }.map_err(io)?;
        let mapped = Self {
            path: path.to_owned(),
            bytes,
        };
        // What a clone without Git LFS has in the place of every large file.
        if mapped.bytes.starts_with(b"version https://git-lfs") {
            let message = "is only a Git LFS pointer: fetch the file itself with `git lfs pull`";
            return Err(mapped.malformed(message.to_owned()));
        }
        Ok(mapped)
    }

    /// What is wrong with it.
    pub(super) fn malformed(&self, message: String) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            message,
        }
    }

    /// Elements of a tensor of this file, as f32.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they are of a type that is not read.
    pub(super) fn decode<'a>(
        &self,
        name: &str,
        dtype: Dtype,
        bytes: &'a [u8],
    ) -> Result<Cow<'a, [f32]>> {
        match dtype {
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
            other => Err(self.malformed(format!(
                "tensor {name:?} is {other:?}; only F32, F16 and BF16 can be read"
            ))),
        }
    }
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}
