use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// As [`write`], of folders.
pub(crate) enum WholeFolder {}

impl WholeFolder {
    pub(crate) fn beside(_: &Path) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn persist(self) -> io::Result<()> {
        match self {}
    }
}

/// A browser has no files.
pub(crate) fn write(_: &Path, _: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
