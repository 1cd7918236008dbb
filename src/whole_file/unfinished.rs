//! Files that have their name only for the time being, and what becomes of those whose writer was killed.
//!
//! The command line, whose outputs are written for long, has this file among its own too.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file beside `path`, locked as long as somebody writes it.
pub(crate) fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: the default of a temporary one would keep it from others.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    loop {
        let file = builder.tempfile_in(folder(path));
        let file = file.map_err(|error| without_path(&error))?;
        // Where files cannot be locked, none is taken for abandoned.
        let is_taken = matches!(try_lock(file.as_file()), Err(fs4::TryLockError::WouldBlock));
        // Before that it looked abandoned, and somebody may have removed it.
        if !is_taken && file.path().exists() {
            return Ok(file);
        }
    }
}

/// What is locked of a folder, as long as somebody writes it.
pub(crate) const LOCK: &str = ".lock";

/// Removes what processes that were killed left beside `path`: what nobody has locked. Where it cannot be removed it stays,
/// which is no reason not to work.
pub(crate) fn remove_abandoned(path: &Path) {
    let Ok(entries) = fs::read_dir(folder(path)) else {
        return;
    };
    let prefix = prefix(path);
    let is_ours = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        name.starts_with(prefix.as_encoded_bytes())
    };
    for entry in entries.flatten().filter(|it| is_ours(&it.file_name())) {
        let path = entry.path();
        let is_folder = path.is_dir();
        let locked = if is_folder {
            path.join(LOCK)
        } else {
            path.clone()
        };
        let Ok(file) = File::options().write(true).open(locked) else {
            continue;
        };
        if try_lock(&file).is_ok() {
            let _ = match is_folder {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            };
        }
    }
}

/// Where a file of this name is, or will be: behind any links, also behind one whose file is not there yet.
///
/// # Errors
/// If the links lead back to where they come from.
pub(crate) fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            return Ok(path);
        };
        path = folder(&path).join(target); // which is the target alone, if that says the whole way
    }
    Err(io::ErrorKind::InvalidFilename.into())
}

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// By its path, since newer versions of the standard library have a method of this name.
pub(crate) fn try_lock(file: &File) -> Result<(), fs4::TryLockError> {
    fs4::FileExt::try_lock(file)
}

/// By a hash of its name, which may already be as long as a name can be.
pub(crate) fn prefix(path: &Path) -> OsString {
    let mut hasher = DefaultHasher::new(); // the same in every process
    let name = path.file_name().unwrap_or_default();
    name.hash(&mut hasher);
    format!(".wgformer-{:016x}-", hasher.finish()).into()
}

/// The same error in the operating system's words alone: where it is of a temporary file, a path follows that nobody has
/// asked for.
pub(crate) fn without_path(error: &io::Error) -> io::Error {
    let words = error.to_string();
    let words = words.split(" at path ").next().unwrap_or_default();
    io::Error::new(error.kind(), words)
}
