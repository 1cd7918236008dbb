//! Where `embed` writes: standard output, or a file that appears under its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use tempfile::NamedTempFile;

pub(crate) enum Output {
    Stream(Box<dyn Write>),
    /// Written beside its final place and renamed at the end.
    File {
        writer: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
}

impl Output {
    /// `-` or no path is standard output; a device or a pipe is written to as it is.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stream(Box::new(BufWriter::new(io::stdout().lock()))));
        };
        let failed = |error: io::Error| anyhow!("cannot write {}: {error}", path.display());
        if path.is_dir() {
            return Err(anyhow!("cannot write {}: it is a folder", path.display()));
        }
        if path.exists() && !path.is_file() {
            return Ok(Self::Stream(Box::new(BufWriter::new(
                File::create(path).map_err(failed)?,
            ))));
        }
        // Through a link: it is the file that is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(anyhow!(
                "cannot write {}: there is no folder {}",
                path.display(),
                folder.display()
            ));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".wgformer-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any new file: the default of a temporary one would keep it from others.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(failed)?;
        Ok(Self::File {
            writer: BufWriter::new(file),
            path,
        })
    }

    /// Everything is written: the file gets its name.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Stream(mut writer) => Ok(writer.flush()?),
            Self::File { writer, path } => {
                let failed = |error: io::Error| anyhow!("cannot write {}: {error}", path.display());
                let file = writer
                    .into_inner()
                    .map_err(|error| failed(error.into_error()))?;
                file.persist(&path).map_err(|error| failed(error.error))?;
                Ok(())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(writer) => writer.write(bytes),
            Self::File { writer, .. } => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(writer) => writer.flush(),
            Self::File { writer, .. } => writer.flush(),
        }
    }
}
