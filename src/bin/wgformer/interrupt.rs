//! Ctrl-C, or a polite kill, leaves nothing half-written behind.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// What is removed when a signal ends the program. Signals are the process's own, so this is too.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that has its name only for the time being: it goes with this, or with the program.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// `create` makes the file; no signal comes between that and this.
    pub(crate) fn create(
        create: impl FnOnce() -> io::Result<NamedTempFile>,
    ) -> io::Result<(NamedTempFile, Self)> {
        let mut unfinished = unfinished();
        let file = create()?;
        let path = std::path::absolute(file.path())?;
        if unfinished.is_empty() {
            watch();
        }
        unfinished.push(path.clone());
        Ok((file, Self(path)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        unfinished().retain(|path| *path != self.0);
    }
}

/// From now on, a signal that asks the program to end first removes what is unfinished.
#[cfg(unix)]
fn watch() {
    use std::sync::Once;

    use signal_hook::consts::{SIGINT, SIGTERM};

    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // Without it a file may stay behind, which is no reason not to work.
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else {
            return;
        };
        let _ = std::thread::Builder::new().spawn(move || {
            for signal in signals.forever() {
                let unfinished = unfinished(); // never given back: nothing more is begun
                for path in &*unfinished {
                    let _ = std::fs::remove_file(path);
                }
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
    });
}

#[cfg(not(unix))]
fn watch() {}
