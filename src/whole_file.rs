//! A file, or a folder, that appears under its name, or is replaced, only once it is whole.

mod folder;
mod unfinished;

pub(crate) use folder::WholeFolder;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Has `contents` write a file beside `path`, which then takes its name; where that fails, all is as it was.
///
/// What a process that was killed left of such a file is removed.
///
/// # Errors
/// The operating system's, and those of `contents`.
pub(crate) fn write(path: &Path, contents: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    // Through a link: it is the file that is replaced.
    let path = unfinished::behind_links(path)?;
    if path.file_name().is_none() {
        return Err(ErrorKind::InvalidFilename.into());
    }
    unfinished::remove_abandoned(&path);
    let file = unfinished::beside(&path)?;
    contents(file.as_file())?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_by_a_whole_one_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a file");
        let text = |text: &'static str| move |mut file: &File| file.write_all(text.as_bytes());
        write(&path, text("first")).unwrap();
        let failed = write(&path, |file| {
            text("a part")(file)?;
            assert_eq!(fs::read(&path)?, b"first", "nobody sees it");
            Err(ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write(&path, text("second")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["a file"]);

        let error = write(&folder.path().join("no folder/a file"), text("")).unwrap_err();
        assert!(!error.to_string().contains("wgformer"), "{error}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a file");
        let abandon = |path: &Path| drop(unfinished::beside(path).unwrap().keep().unwrap());
        abandon(&path);
        abandon(&folder.path().join("another"));
        assert_eq!(names(folder.path()).len(), 2);
        let meanwhile = |_: &File| {
            assert_eq!(
                names(folder.path()).len(),
                2,
                "this one, and that of another"
            );
            write(&path, |_| Ok(()))?;
            assert_eq!(
                names(folder.path()).len(),
                3,
                "and what was written meanwhile"
            );
            Ok(())
        };
        write(&path, meanwhile).unwrap();
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [path, link] = ["a file", "link"].map(|name| folder.path().join(name));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, |mut file| file.write_all(b"new")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // Also where there is no file yet, and where links lead nowhere.
        fs::remove_file(&path).unwrap();
        let second = folder.path().join("second");
        std::os::unix::fs::symlink("link", &second).unwrap();
        write(&second, |mut file| file.write_all(b"first")).unwrap();
        assert!(link.is_symlink() && second.is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("second", &path).unwrap();
        write(&second, |_| Ok(())).unwrap_err();
    }
}
