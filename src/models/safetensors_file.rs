use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};

use super::mapped::Mapped;
use crate::error::Result;

/// One safetensors file, memory-mapped.
#[derive(Debug)]
pub(crate) struct SafetensorsFile {
    file: Mapped,
    metadata: Metadata,
    /// Where the tensors' bytes start: offsets count from here.
    data: usize,
}

/// The format's own limit.
const MAX_HEADER: u64 = 100_000_000;

impl SafetensorsFile {
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is damaged or its header lies.
    ///
    /// [`Error::Io`]: crate::Error::Io
    /// [`Error::Malformed`]: crate::Error::Malformed
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = Mapped::open(path)?;
        let header = read_header(&file.bytes);
        let (metadata, data) = header.map_err(|message| file.malformed(message))?;
        Ok(Self {
            file,
            metadata,
            data,
        })
    }

    /// What its header says.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A tensor's shape; `None` if there is no such tensor.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.metadata.info(name)?.shape)
    }

    /// Some elements of one of its tensors, as f32, row-major.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) if there is no such tensor or it is of a type that is not read.
    pub(crate) fn values(&self, name: &str, elements: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let info = self.metadata.info(name);
        let info = info.ok_or_else(|| self.file.malformed(format!("has no tensor {name:?}")))?;
        let bytes = self.contents(info, elements).ok_or_else(|| {
            self.file
                .malformed(format!("tensor {name:?} lies past the end of the file"))
        })?;
        self.file.decode(name, info.dtype, bytes)
    }

    fn contents(&self, info: &TensorInfo, elements: Range<usize>) -> Option<&[u8]> {
        let (start, end) = info.data_offsets;
        let size = info.dtype.bitsize() / 8;
        let of_tensor = self.file.bytes.get(self.data + start..self.data + end)?;
        of_tensor.get(elements.start * size..elements.end * size)
    }
}

/// A file's header, and where the tensors' bytes start; or what is wrong with it.
///
/// Not by the crate's own `read_metadata`: it adds up offsets that the file chooses, which panics where overflow is
/// checked.
fn read_header(file: &[u8]) -> Result<(Metadata, usize), String> {
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
