//! A checkpoint as `torch.save` writes it: a zip archive with a pickle, which says what the tensors are, and an entry with
//! the bytes of each storage.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use safetensors::Dtype;

use super::mapped::Mapped;
use super::pickle::{self, View};
use super::zip;
use crate::error::Result;

/// One `pytorch_model.bin`, or whatever it is called, memory-mapped.
#[derive(Debug)]
pub(super) struct TorchFile {
    file: Mapped,
    tensors: BTreeMap<String, Tensor>,
}

/// A tensor, each of whose elements lies within `storage`.
#[derive(Debug)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Where its elements are, from its first one on.
    storage: Range<usize>,
    /// In elements, of each dimension; `None` where the elements follow one another.
    strides: Option<Vec<usize>>,
}

/// Of the pickle: a tensor takes 150 bytes or so.
const MAX_PICKLE: usize = 16 << 20;

/// How often a file's bytes may be in its tensors: tied weights are one storage under several names.
const MOST_TIED: usize = 8;

impl TorchFile {
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if it cannot be read, [`Error::Malformed`](crate::Error::Malformed) if it is
    /// damaged, or asks for anything but tensors.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = Mapped::open(path)?;
        let tensors = read(&file.bytes).map_err(|message| file.malformed(message))?;
        Ok(Self { file, tensors })
    }

    /// A tensor's shape; `None` if there is no such tensor.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.tensors.get(name)?.shape)
    }

    /// Some elements of one of its tensors, as f32, row-major.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) if there is no such tensor or it is of a type that is not read.
    pub(super) fn values(&self, name: &str, elements: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let missing = || self.file.malformed(format!("has no tensor {name:?}"));
        let tensor = self.tensors.get(name).ok_or_else(missing)?;
        let size = tensor.dtype.bitsize() / 8;
        let storage = &self.file.bytes[tensor.storage.clone()];
        match &tensor.strides {
            None => {
                let bytes = &storage[elements.start * size..elements.end * size];
                self.file.decode(name, tensor.dtype, bytes)
            }
            Some(strides) => {
                let places = elements.map(|place| place_in_storage(place, &tensor.shape, strides));
                let bytes = places.flat_map(|place| &storage[place * size..][..size]);
                let bytes: Vec<u8> = bytes.copied().collect();
                Ok(Cow::Owned(
                    self.file.decode(name, tensor.dtype, &bytes)?.into_owned(),
                ))
            }
        }
    }
}

/// The tensors of a file, or what is wrong with it.
fn read(file: &[u8]) -> Result<BTreeMap<String, Tensor>, String> {
    if !zip::is_one(file) {
        return Err(
            "is no zip archive: it is cut off, or torch before 1.6 wrote it; load it with torch and save it again, best as \
             safetensors"
                .to_owned(),
        );
    }
    let entries = zip::entries(file)?;
    let mut folders = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"));
    let (Some(folder), None) = (folders.next(), folders.next()) else {
        return Err("is no checkpoint of torch's: it has no data.pkl, or several".to_owned());
    };
    let entry = |name: &str| entries.get(&format!("{folder}{name}")[..]).cloned();
    let order = entry("byteorder").map(|order| &file[order]);
    if let Some(other) = order.filter(|order| *order != b"little") {
        let other = String::from_utf8_lossy(&other[..other.len().min(16)]);
        return Err(format!(
            "has its bytes in the order {other:?}; only \"little\" is read"
        ));
    }
    let pickle = entry("data.pkl").map_or(&[][..], |pickle| &file[pickle]);
    if pickle.len() > MAX_PICKLE {
        return Err(format!("has a data.pkl of more than {MAX_PICKLE} bytes"));
    }
    let mut left = file.len().saturating_mul(MOST_TIED);
    let views = pickle::tensors(pickle)?.into_iter();
    let tensors = views.map(|(name, view)| {
        let storage = entry(&format!("data/{}", view.storage));
        let tensor = storage.ok_or_else(|| format!("its entry data/{} is missing", view.storage));
        let tensor = tensor.and_then(|storage| Tensor::new(view, storage));
        let tensor = tensor.map_err(|message| format!("tensor {name:?}: {message}"))?;
        left = left.checked_sub(tensor.size_in_bytes()).ok_or_else(|| {
            format!("has tensors of more than {MOST_TIED} times its own bytes in all")
        })?;
        Ok((name, tensor))
    });
    tensors.collect()
}

impl Tensor {
    /// The view of a storage that lies at `storage` in the file.
    fn new(view: View<'_>, storage: Range<usize>) -> Result<Self, String> {
        let View {
            dtype,
            offset,
            shape,
            strides,
            ..
        } = view;
        let size = dtype.bitsize() / 8;
        let available = (storage.len() / size).saturating_sub(offset);
        let too_large = || {
            format!(
                "shape {shape:?} with strides {strides:?} from element {offset} on is not within the {} bytes that are stored",
                storage.len()
            )
        };
        if shape.len() != strides.len() {
            return Err(format!(
                "shape {shape:?} and strides {strides:?} are of different lengths"
            ));
        }
        let count = shape
            .iter()
            .try_fold(1_usize, |count, size| count.checked_mul(*size));
        let count = count.ok_or_else(too_large)?;
        let last = last_place(&shape, &strides);
        if count > 0 && last.is_none_or(|last| last >= available) {
            return Err(too_large());
        }
        // One that repeats elements could be of any size.
        if count > available {
            return Err(too_large());
        }
        let start = if count == 0 {
            storage.start
        } else {
            storage.start + offset * size
        };
        let follow_one_another = is_row_major(&shape, &strides);
        Ok(Self {
            dtype,
            storage: start..storage.end,
            strides: (!follow_one_another).then_some(strides),
            shape,
        })
    }

    fn size_in_bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * (self.dtype.bitsize() / 8)
    }
}

/// Where a tensor's last element is, counted from its first; it has at least one.
fn last_place(shape: &[usize], strides: &[usize]) -> Option<usize> {
    let mut dimensions = shape.iter().zip(strides);
    dimensions.try_fold(0_usize, |place, (size, stride)| {
        place.checked_add(size.saturating_sub(1).checked_mul(*stride)?)
    })
}

/// Whether the elements follow one another. The stride of a dimension of one says nothing.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    let mut dimensions = shape.iter().zip(strides).rev();
    dimensions.all(|(size, stride)| {
        let fits = *size <= 1 || *stride == expected;
        expected *= size;
        fits
    })
}

/// Where the element at `place`, counted row by row, lies.
fn place_in_storage(mut place: usize, shape: &[usize], strides: &[usize]) -> usize {
    let dimensions = shape.iter().zip(strides).rev();
    let steps = dimensions.map(|(size, stride)| {
        let step = place % size * stride;
        place /= size;
        step
    });
    steps.sum()
}
