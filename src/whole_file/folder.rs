//! A folder that appears under its name only once it is whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::unfinished::{
    LOCK, behind_links, folder, prefix, remove_abandoned, try_lock, without_path,
};

/// A folder beside the one that it will be; it goes with this, unless it got its name.
pub(crate) struct WholeFolder {
    temporary: TempDir,
    lock: File,
    path: PathBuf,
}

impl WholeFolder {
    /// Beside `path`. What a process that was killed while it wrote left of such a folder is removed; one that was killed
    /// while it gave the folder its name may leave the old one under another.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn beside(path: &Path) -> io::Result<Self> {
        let path = behind_links(path)?;
        // `out/` and `out` are one; `..` is no name.
        let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
        let path = folder(&path).join(name);
        remove_abandoned(&path);
        loop {
            let temporary = temporary(&path)?;
            let file = temporary.path().join(LOCK);
            let lock = File::create(&file)?;
            // Where files cannot be locked, none is taken for abandoned.
            let is_taken = matches!(try_lock(&lock), Err(fs4::TryLockError::WouldBlock));
            // Before that it looked abandoned, and somebody may have removed it.
            if !is_taken && file.exists() {
                return Ok(Self {
                    temporary,
                    lock,
                    path,
                });
            }
        }
    }

    /// Where its files are written.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Gives it its name. A folder that has it is put aside first, and removed afterwards.
    ///
    /// # Errors
    /// The operating system's; then all is as it was, or the error says where the old folder is.
    pub(crate) fn persist(self) -> io::Result<()> {
        let Self {
            temporary,
            lock,
            path,
        } = self;
        remove(lock, &temporary.path().join(LOCK))?;
        if path.exists() {
            replace(&path, temporary.path())?;
        } else {
            fs::rename(temporary.path(), path)?;
        }
        let _ = temporary.keep(); // under its name
        Ok(())
    }
}

/// A lock, as long as which is held nobody takes its folder for abandoned.
#[cfg(unix)]
fn remove(lock: File, path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    drop(lock);
    Ok(())
}

/// A lock, which has to be closed first here.
#[cfg(not(unix))]
fn remove(lock: File, path: &Path) -> io::Result<()> {
    drop(lock);
    fs::remove_file(path)
}

/// Puts the folder `new` in the place of that at `path`.
fn replace(path: &Path, new: &Path) -> io::Result<()> {
    let aside = temporary(path)?;
    let old = aside.path().join("old");
    fs::rename(path, &old)?;
    let Err(error) = fs::rename(new, path) else {
        return Ok(());
    };
    if fs::rename(&old, path).is_err() {
        let old = aside.keep().join("old");
        let words = format!("{error}; what was there is now in {}", old.display());
        return Err(io::Error::new(error.kind(), words));
    }
    Err(error)
}

fn temporary(path: &Path) -> io::Result<TempDir> {
    let prefix = prefix(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new folder: the default of a temporary one would keep it from others.
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    let made = builder.tempdir_in(folder(path));
    made.map_err(|error| without_path(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_replaced_by_a_whole_one_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("out");
        let write = |text: &str| {
            let folder = WholeFolder::beside(&path).unwrap();
            fs::write(folder.path().join(text), text).unwrap();
            folder
        };
        drop(write("given up"));
        assert!(names(parent.path()).is_empty());
        let first = write("first");
        assert!(!path.exists(), "nobody sees it");
        first.persist().unwrap();
        assert_eq!(names(&path), ["first"]);
        let second = write("second");
        assert_eq!(names(&path), ["first"]);
        second.persist().unwrap();
        assert_eq!(names(&path), ["second"]);
        assert_eq!(names(parent.path()), ["out"]);
    }

    #[test]
    fn what_cannot_be_replaced_is_as_it_was() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("out");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("old"), "").unwrap();
        let error = replace(&path, &parent.path().join("nothing")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            (names(parent.path()), names(&path)),
            (vec!["out".to_owned()], vec!["old".to_owned()])
        );
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("out");
        let WholeFolder { temporary, .. } = WholeFolder::beside(&path).unwrap();
        let _ = temporary.keep(); // and nobody holds its lock
        assert_eq!(names(parent.path()).len(), 1);
        let being_written = WholeFolder::beside(&path).unwrap();
        let another = WholeFolder::beside(&path).unwrap();
        assert_eq!(names(parent.path()).len(), 2);
        drop((being_written, another));
    }
}
