use futures_channel::oneshot;

use super::Gpu;
use super::wanted::Wanted;
use crate::error::{Error, Result};

impl Gpu {
    /// What `work` gives, done on a thread of its own: the async form of whatever has none, since compiling and uploading
    /// block. In a browser it is done where it is polled.
    ///
    /// Dropping the future cancels it: what `work` loads ends with [`Error::Cancelled`] before the next kernel is compiled or
    /// the next weight uploaded.
    ///
    /// ```
    /// # pollster::block_on(async {
    /// # let gpu = wgformer::Gpu::new()?;
    /// # let (own, options) = (gpu.clone(), wgformer::index::IndexOptions::default());
    /// let index = gpu.off_thread(move || {
    ///     let mut index = wgformer::Index::new(&own, 2, &options)?;
    ///     index.add(&[[1.0, 0.0], [0.0, 1.0]])?;
    ///     index.upload()?;
    ///     Ok(index)
    /// });
    /// assert_eq!(index.await?.len(), 2);
    /// # Ok::<(), wgformer::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Those of `work`; [`Error::Device`] if the system gives no thread.
    pub async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let thread = std::thread::Builder::new().name("wgformer loading".to_owned());
        let wanted = Wanted::default();
        let waiting = wanted.waiting();
        let work = move || {
            wanted.work_here();
            let _ = sender.send(work()); // nobody listens if the future was dropped
        };
        let no_thread = |message: String| Error::Device {
            adapter: self.capabilities().info.name.clone(),
            action: "loading on a thread".to_owned(),
            message,
        };
        let thread = thread.spawn(work);
        let thread = thread.map_err(|error| no_thread(error.to_string()))?;
        let result = receiver.await;
        drop(waiting);
        // It is over; a panic of its own goes on here.
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
        result.map_err(|_| no_thread("it ended early".to_owned()))?
    }
}
