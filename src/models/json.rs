use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::bounded_file::read_at_most;
use crate::error::{Error, Result};

/// Configuration files are a few kilobytes; no larger one is read.
const MAX_BYTES: u64 = 16 << 20;

/// A JSON file of a model's directory.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is not the JSON that was expected.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = read_at_most(path, MAX_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| malformed(path, &error))
}

/// As [`read`], but `None` where there is no such file.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if_there(read(path))
}

/// As [`read`], where null says that a key is not set, as if it were not there.
///
/// # Errors
/// As [`read`].
pub(super) fn settings<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let mut value: Value = read(path)?;
    remove_nulls(&mut value);
    // Read once more, an error says in which line it is.
    let in_its_line = |error| read::<T>(path).err().unwrap_or(malformed(path, &error));
    serde_json::from_value(value).map_err(in_its_line)
}

/// As [`settings`], but `None` where there is no such file.
///
/// # Errors
/// As [`read`].
pub(super) fn settings_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if_there(settings(path))
}

fn if_there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn malformed(path: &Path, error: &serde_json::Error) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        message: error.to_string(),
    }
}

/// Of objects, however deep; what the parser lets through is not too deep for this.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(all) => {
            all.retain(|_, value| !value.is_null());
            all.values_mut().for_each(remove_nulls);
        }
        Value::Array(all) => all.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// So many keys are named in an error, each with so many characters of its value.
const MOST_NAMED: usize = 32;
const MOST_OF_EACH: usize = 80;

/// Refuses keys that nobody asks for, whatever they say but null, which says nothing: all of them at once, so that nobody
/// has to try again for each.
///
/// # Errors
/// [`Error::Unsupported`], naming them, with what to do about them before `understood`, what there is instead.
pub(super) fn refuse_unknown<'a>(
    path: &Path,
    unknown: impl Iterator<Item = (&'a String, &'a Value)>,
    understood: &str,
) -> Result<()> {
    let set = unknown.filter(|(_, value)| !value.is_null());
    let mut named: Vec<String> = set.map(|(key, value)| shown(key, value)).collect();
    let (what, remove) = match named.len() {
        0 => return Ok(()),
        1 => ("key", "remove the key from the file if it is"),
        _ => ("keys", "remove the keys from the file if they are"),
    };
    let left = named.len().saturating_sub(MOST_NAMED);
    named.truncate(MOST_NAMED);
    let more = match left {
        0 => String::new(),
        left => format!(" and {left} more"),
    };
    Err(Error::Unsupported {
        path: path.to_owned(),
        what,
        found: named.join(", ") + &more,
        supported: format!(
            "a file without; {remove} known to change nothing, else open an issue that names the model{understood}"
        ),
    })
}

/// A key and the beginning of its value.
fn shown(key: &str, value: &Value) -> String {
    let whole = format!("{key}: {value}");
    match whole.char_indices().nth(MOST_OF_EACH) {
        None => whole,
        Some((end, _)) => format!("{}...", &whole[..end]),
    }
}

/// Refuses what is not among the known keys: [`refuse_unknown`].
///
/// # Errors
/// As [`refuse_unknown`].
pub(crate) fn refuse_others(
    path: &Path,
    others: &Map<String, Value>,
    known: &[&str],
) -> Result<()> {
    let unknown = others.iter().filter(|(key, _)| !known.contains(&&key[..]));
    refuse_unknown(path, unknown, "")
}
