//! A file that is read at once, and is no larger than such a file is.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// The bytes of a file, of which there may be `most`.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is larger.
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most {
        return Err(Error::Malformed {
            path: path.to_owned(),
            message: format!("is larger than {most} bytes"),
        });
    }
    Ok(bytes)
}
