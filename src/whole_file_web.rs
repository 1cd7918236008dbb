use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A browser has no files.
pub(crate) fn write(_: &Path, _: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
