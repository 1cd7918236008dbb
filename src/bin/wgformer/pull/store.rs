//! Where fetched files are put: where Hugging Face's own tools would, or in a folder of the user's.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::hub::{RemoteFile, Repository};

pub(super) enum Store {
    /// A cache: bytes by their checksum in `blobs`, and links to them by their names in `snapshots`, a folder for each
    /// commit.
    Cache {
        /// `models--ORG--NAME`
        repository: PathBuf,
        locks: PathBuf,
        commit: String,
    },
    Folder(PathBuf),
}

/// Whether a checksum is one, and so a name for a file.
pub(super) fn is_hexadecimal(digits: &str) -> bool {
    (40..=64).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

impl Store {
    pub(super) fn cache(cache: &Path, repository: &Repository) -> Self {
        let name = format!("models--{}", repository.name.replace('/', "--"));
        Self::Cache {
            locks: cache.join(".locks").join(&name),
            repository: cache.join(name),
            commit: repository.commit.clone(),
        }
    }

    pub(super) fn folder(folder: &Path) -> Self {
        Self::Folder(folder.to_owned())
    }

    /// What `--model` would be told.
    pub(super) fn model_folder(&self) -> PathBuf {
        match self {
            Self::Cache {
                repository, commit, ..
            } => repository.join("snapshots").join(commit),
            Self::Folder(folder) => folder.clone(),
        }
    }

    /// Where a file is, under its own name.
    pub(super) fn path(&self, file: &RemoteFile) -> PathBuf {
        self.model_folder().join(&file.name)
    }

    /// Whether a file is there already. In a cache what has its name was checked before; in a folder it may be another.
    pub(super) fn has(&self, file: &RemoteFile) -> Result<bool> {
        let path = self.path(file);
        let is_there = fs::metadata(&path).is_ok_and(|there| there.len() == file.size);
        match self {
            Self::Cache { .. } => {
                let blob = self.blob(file);
                if !is_there && fs::metadata(&blob).is_ok_and(|there| there.len() == file.size) {
                    self.link(file, &blob)?; // fetched for another commit
                    return Ok(true);
                }
                Ok(is_there)
            }
            Self::Folder(_) => {
                let found = || {
                    file.digest
                        .of(&path)
                        .with_context(|| format!("cannot read {}", path.display()))
                };
                Ok(is_there && found()? == file.digest.hex())
            }
        }
    }

    /// Where a file's bytes are, whatever its name.
    fn blob(&self, file: &RemoteFile) -> PathBuf {
        match self {
            Self::Cache { repository, .. } => repository.join("blobs").join(file.digest.hex()),
            Self::Folder(_) => self.path(file),
        }
    }

    /// Where a file grows until it is whole.
    pub(super) fn partial(&self, file: &RemoteFile) -> Result<PathBuf> {
        let mut partial = self.blob(file).into_os_string();
        partial.push(".incomplete");
        let partial = PathBuf::from(partial);
        with_folder(&partial)?;
        Ok(partial)
    }

    /// Holds others off a file of a cache, as long as the result lives; Hugging Face's own tools look at the same lock.
    pub(super) fn wait_for_turn(&self, file: &RemoteFile) -> Result<Option<File>> {
        let Self::Cache { locks, .. } = self else {
            return Ok(None);
        };
        let path = locks.join(format!("{}.lock", file.digest.hex()));
        with_folder(&path)?;
        let open = || {
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            fs4::FileExt::lock(&lock)?;
            Ok::<_, io::Error>(Some(lock))
        };
        open().with_context(|| format!("cannot lock {}", path.display()))
    }

    /// Gives a file that is whole its name.
    pub(super) fn keep(&self, file: &RemoteFile, partial: &Path) -> Result<()> {
        let blob = self.blob(file);
        fs::rename(partial, &blob).with_context(|| format!("cannot write {}", blob.display()))?;
        match self {
            Self::Cache { .. } => self.link(file, &blob),
            Self::Folder(_) => Ok(()),
        }
    }

    /// A link of the file's name to its bytes; where the system has no links for everybody, the bytes themselves.
    fn link(&self, file: &RemoteFile, blob: &Path) -> Result<()> {
        let path = self.path(file);
        with_folder(&path)?;
        let cannot_write = || format!("cannot write {}", path.display());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(cannot_write);
            }
            _ => {}
        }
        #[cfg(unix)]
        {
            let up = "../".repeat(1 + file.name.split('/').count());
            let bytes = blob.file_name().unwrap_or_default();
            let target = Path::new(&up).join("blobs").join(bytes);
            std::os::unix::fs::symlink(target, &path).with_context(cannot_write)
        }
        #[cfg(not(unix))]
        fs::rename(blob, &path).with_context(cannot_write)
    }

    /// Says which commit a branch or a tag is at.
    pub(super) fn name(&self, revision: &str, commit: &str) -> Result<()> {
        match self {
            Self::Cache { repository, .. } if revision != commit => {
                let path = repository.join("refs").join(revision);
                with_folder(&path)?;
                fs::write(&path, commit).with_context(|| format!("cannot write {}", path.display()))
            }
            Self::Cache { .. } | Self::Folder(_) => Ok(()),
        }
    }
}

fn with_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))
}
