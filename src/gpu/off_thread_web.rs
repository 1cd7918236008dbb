use super::Gpu;
use crate::error::Result;

impl Gpu {
    /// What `work` gives: a browser has no threads to share a device with.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn off_thread<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        work()
    }
}
