//! Drivers and their loaders print to standard error while they start; a run should not.

/// Runs `work` while standard error goes nowhere, unless `RUST_LOG` asks for a log: then everything is shown.
#[cfg(unix)]
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    if asks_for_a_log() {
        return work();
    }
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
    let (Ok(nowhere), Ok(stderr)) = (nowhere, rustix::io::dup(rustix::stdio::stderr())) else {
        return work();
    };
    if rustix::stdio::dup2_stderr(&nowhere).is_err() {
        return work();
    }
    let restore = Restore(stderr);
    let value = work();
    drop(restore);
    value
}

/// `RUST_LOG=off` is set and asks for silence.
#[cfg(unix)]
fn asks_for_a_log() -> bool {
    std::env::var_os(env_logger::DEFAULT_FILTER_ENV).is_some()
        && log::max_level() != log::LevelFilter::Off
}

/// Gives standard error back, also when a panic unwinds.
#[cfg(unix)]
struct Restore(std::os::fd::OwnedFd);

#[cfg(unix)]
impl Drop for Restore {
    fn drop(&mut self) {
        // Nothing could be said of a failure: it is standard error that is missing.
        let _ = rustix::stdio::dup2_stderr(&self.0);
    }
}

/// Runs `work`; nothing is known to print there.
#[cfg(not(unix))]
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    work()
}
