//! One file, whole and checked, however often the connection ends.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::hub::{Failure, Hub, RemoteFile, Repository};

/// How often a try may fail in a row without bringing a byte.
const FAILURES: u32 = 5;

/// After the first failure; twice as long after each that follows.
const WAIT: Duration = Duration::from_millis(250);

/// Tries until it works, fails for good, or has failed too often.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
    let mut failures = 0;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(_)) if failures < FAILURES - 1 => {
                thread::sleep(WAIT * 2_u32.pow(failures));
                failures += 1;
            }
            Err(Failure::Passing(why)) => {
                return Err(anyhow!("{why}, {FAILURES} times in a row; try again"));
            }
        }
    }
}

/// Brings a file to `partial`, from where that is now on. `progress` is told how many bytes are there.
pub(super) fn whole(
    hub: &Hub,
    repository: &Repository,
    file: &RemoteFile,
    partial: &Path,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    // Its checksum, if that is wrong; then nothing is kept.
    let mut attempt = || -> Result<Option<String>> {
        while bytes(partial) != Some(file.size) {
            patiently(|| {
                let before = bytes(partial);
                match go_on(hub, repository, file, partial, &mut progress) {
                    // What it brought counts: the failures begin anew.
                    Err(Failure::Passing(_)) if bytes(partial) > before => Ok(()),
                    other => other,
                }
            })?;
        }
        let found = file.digest.of(partial);
        let found = found.with_context(|| cannot_read(partial))?;
        if found == file.digest.hex() {
            return Ok(None);
        }
        fs::remove_file(partial).with_context(|| cannot_write(partial))?;
        Ok(Some(found))
    };
    if attempt()?.is_none() {
        return Ok(());
    }
    // What an earlier run left may have been wrong: once more, from the beginning.
    match attempt()? {
        None => Ok(()),
        Some(found) => Err(anyhow!(
            "{}: what was fetched has the checksum {found}, and the hub says {}; nothing was kept, try again",
            file.name,
            file.digest.hex()
        )),
    }
}

fn bytes(path: &Path) -> Option<u64> {
    Some(fs::metadata(path).ok()?.len())
}

/// Asks for what is missing, and adds what comes.
fn go_on(
    hub: &Hub,
    repository: &Repository,
    file: &RemoteFile,
    partial: &Path,
    progress: &mut impl FnMut(u64),
) -> Result<(), Failure> {
    let failed = |error| Failure::Final(anyhow::Error::new(error).context(cannot_write(partial)));
    // More than there should be is of something else.
    let mut done = bytes(partial).filter(|done| *done < file.size).unwrap_or(0);
    let response = hub.file(repository, file, done)?;
    if response.status() != 206 {
        done = 0; // it comes from its start
    }
    let mut output = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(partial)
        .map_err(failed)?;
    output.set_len(done).map_err(failed)?;
    std::io::Seek::seek(&mut output, std::io::SeekFrom::Start(done)).map_err(failed)?;
    let mut input = response.into_body().into_reader().take(file.size - done);
    let mut bytes = vec![0; 1 << 16];
    while done < file.size {
        let name = &file.name;
        let ended = |why: &str| {
            Failure::Passing(format!("{name}: {why} after {done} of {} bytes", file.size))
        };
        let count = input
            .read(&mut bytes)
            .map_err(|error| ended(&error.to_string()))?;
        if count == 0 {
            return Err(ended("the connection ended"));
        }
        output.write_all(&bytes[..count]).map_err(failed)?;
        done += count as u64;
        progress(done);
    }
    Ok(())
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}
