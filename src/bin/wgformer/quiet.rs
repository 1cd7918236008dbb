//! Drivers and their loaders print to standard error while they start; a run should not.

/// Runs `work` while standard error goes nowhere, unless `RUST_LOG` is set: then everything is shown.
#[cfg(unix)]
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
    let (Ok(nowhere), Ok(stderr), None) = (
        nowhere,
        rustix::io::dup(rustix::stdio::stderr()),
        std::env::var_os("RUST_LOG"),
    ) else {
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
