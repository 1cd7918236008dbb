use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Configuration files are a few kilobytes; no larger one is read.
const MAX_BYTES: u64 = 16 << 20;

/// A JSON file of a model's directory.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is not the JSON that was expected.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let malformed = |message: String| Error::Malformed {
        path: path.to_owned(),
        message,
    };
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(malformed(format!("is larger than {MAX_BYTES} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
}

/// As [`read`], but `None` where there is no such file.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match read(path) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// What to do about a key that nobody asks for.
pub(super) const UNKNOWN_KEY: &str = "remove the key from the file if it is known to change nothing, else open an issue that names the model";

/// Refuses keys that nobody asks for, whatever they say but null, which says nothing.
///
/// # Errors
/// [`Error::Unsupported`], naming the first.
pub(crate) fn refuse_others(
    path: &Path,
    others: &Map<String, Value>,
    known: &[&str],
) -> Result<()> {
    let mut others = others.iter();
    match others.find(|(key, value)| !known.contains(&&key[..]) && !value.is_null()) {
        None => Ok(()),
        Some((key, value)) => Err(Error::Unsupported {
            path: path.to_owned(),
            what: "key",
            found: format!("{key}: {value}"),
            supported: format!("a file without it; {UNKNOWN_KEY}"),
        }),
    }
}
