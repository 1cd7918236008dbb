//! Any number of texts to what a task makes of them, in bounded memory: a stage per file, each on threads of its own.
//!
//! reader: texts to chunks -> packer: chunks to sequences of tokens, of a text one or several, and these to windows of
//! packed batches -> runners: batches to their results. The stream hands windows out in their order, and waits for the
//! batches of each. Every way between two stages
//! holds a few things at most, so that whatever is slowest sets the pace of all.

mod answer;
mod batch_model;
mod bell;
mod chunk;
mod classify;
mod fill;
mod packer;
mod reader;
mod runner;
mod stop;
mod tag;
mod window;
mod zero_shot;

use std::fmt;
use std::future::poll_fn;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::vec;

use self::batch_model::BatchModel;
use self::bell::Bell;
use self::chunk::Chunk;
pub use self::classify::Classification;
pub use self::fill::Filled;
use self::packer::Packer;
use self::runner::Job;
use self::stop::Stop;
pub use self::tag::Tagging;
use self::window::AnyWindow;
use super::Embedding;
use crate::error::Error;
use crate::text::Text;

/// Chunks that wait to be tokenised.
const CHUNKS_AHEAD: usize = 4;

/// Windows that are packed while another one is waited for: one runs, and one is there when that ends.
const WINDOWS_AHEAD: usize = 2;

/// Batches under way: while the device computes one, the results of the one before are taken off it and the next is
/// recorded.
const RUNNERS: usize = 2;

/// How [`Embedder::stream`](crate::Embedder::stream) and the streams of other tasks work.
///
/// ```
/// let options = wgformer::tasks::StreamOptions::default().window_batches(8).first_index(1000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamOptions {
    window_batches: usize,
    first_index: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            window_batches: 32,
            first_index: 0,
        }
    }
}

impl StreamOptions {
    /// How many full batches of texts are sorted by length and run together; their results come out together. More
    /// makes batches of texts more alike in length, and results later. At least 1; 32 by default.
    #[must_use]
    pub fn window_batches(mut self, window_batches: usize) -> Self {
        self.window_batches = window_batches.max(1);
        self
    }

    /// The number of the first text, as errors count; 0 by default.
    #[must_use]
    pub fn first_index(mut self, first_index: usize) -> Self {
        self.first_index = first_index;
        self
    }
}

/// Texts with their embeddings, in order, from [`Embedder::stream`](crate::Embedder::stream), or with what another task
/// makes of them.
///
/// `T` is a text, or a pair of texts: anything that a [`Text`] can be made of by reference. `E` is what can go wrong: the
/// caller's error, or this crate's turned into it; `R` is what becomes of a text, of a sparse embedder a
/// [`SparseEmbedding`](super::SparseEmbedding).
///
/// It takes no [`Control`](crate::plan::Control), since it has both of its parts: [`Stream::on_batch`] tells how far it
/// is, and whoever takes its items may stop at any time. Where the texts end at a deadline, all that were read by then
/// still come out; where the stream is dropped at one, no more than what is submitted of its batches is waited for. A call of
/// `next` itself takes as long as a window of batches, of which [`StreamOptions::window_batches`] is the length.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
/// let numbers = (0..1000).map(|number| Ok(number.to_string()));
/// let deadline = Instant::now() + Duration::from_secs(60);
/// let numbers = numbers.take_while(move |_| Instant::now() < deadline);
///
/// let stream = embedder.stream(numbers, &wgformer::tasks::StreamOptions::default());
/// let mut done = 0;
/// let stream = stream.on_batch(move |texts| {
///     done += texts;
///     println!("{done} texts are done");
/// });
/// let vectors: Vec<_> = stream.collect::<wgformer::Result<_>>()?;
/// assert_eq!(vectors.len(), 1000);
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Stream<T, E, R = Embedding> {
    /// Those of a window that is done.
    ready: vec::IntoIter<(T, R)>,
    /// What comes after them, and ends the stream.
    failure: Option<E>,
    /// Whose batches run.
    window: Option<AnyWindow<T, R>>,
    on_batch: Box<dyn FnMut(usize) + Send>,
    stages: Option<Stages<T, E, R>>,
}

/// What runs, until it is dropped.
struct Stages<T, E, R> {
    /// Only for an option, so that it can be dropped before the threads are waited for.
    windows: Option<Receiver<Result<AnyWindow<T, R>, E>>>,
    chunks: SyncSender<Chunk<T, E>>,
    /// Wakes a runner and ends it.
    end_runner: Box<dyn Fn() + Send>,
    bell: Arc<Bell>,
    stop: Arc<Stop>,
    /// All but the reader, who may wait for its input for ever.
    threads: Vec<JoinHandle<()>>,
}

impl<T, E, R> Stream<T, E, R>
where
    T: Send + 'static,
    for<'a> &'a T: Into<Text<'a>>,
    E: From<Error> + Send + 'static,
    R: Send + 'static,
{
    pub(super) fn start(
        model: &impl BatchModel<Item = R>,
        texts: impl Iterator<Item = Result<T, E>> + Send + 'static,
        options: &StreamOptions,
    ) -> Self {
        let (stages, failure) = match Stages::start(model, texts, options) {
            Ok(stages) => (Some(stages), None),
            Err(error) => (None, Some(error.into())),
        };
        Self {
            ready: Vec::new().into_iter(),
            failure,
            window: None,
            on_batch: Box::new(|_| ()),
            stages,
        }
    }
}

impl<T, E, R> Stream<T, E, R> {
    /// Has `on_batch` told, on the thread that asks for results, how many texts each batch held that is done: sooner and
    /// more often than results come out.
    #[must_use]
    pub fn on_batch(mut self, on_batch: impl FnMut(usize) + Send + 'static) -> Self {
        self.on_batch = Box::new(on_batch);
        self
    }
}

/// What to do where a channel is empty.
#[derive(Clone, Copy)]
enum Empty {
    Wait,
    ComeBack,
}

impl Empty {
    fn receive<M>(self, channel: &Receiver<M>) -> Result<M, TryRecvError> {
        match self {
            Self::Wait => channel.recv().map_err(|_| TryRecvError::Disconnected),
            Self::ComeBack => channel.try_recv(),
        }
    }
}

impl<T, E: From<Error>, R> Stream<T, E, R> {
    /// The next text with its embedding, as [`Iterator::next`] gives it, without blocking the thread while it is waited
    /// for. Nothing is lost if the future is dropped: what would have come out comes next.
    ///
    /// Dropping the stream itself waits for what is submitted of its batches, also here.
    ///
    /// ```
    /// # let embedder = wgformer::Embedder::load(&wgformer::Gpu::new()?, "tests/data/tiny/plain")?;
    /// # pollster::block_on(async {
    /// let numbers = (0..100).map(|number| Ok(number.to_string()));
    /// let mut stream = embedder.stream(numbers, &wgformer::tasks::StreamOptions::default());
    /// let mut count = 0;
    /// while let Some(embedded) = stream.next_async().await {
    ///     let (text, embedding): (String, _) = embedded?;
    ///     assert_eq!(text, count.to_string());
    ///     assert_eq!(embedding.values.len(), embedder.dimensions());
    ///     count += 1;
    /// }
    /// assert_eq!(count, 100);
    /// # Ok::<(), wgformer::Error>(()) })?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub async fn next_async(&mut self) -> Option<Result<(T, R), E>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<(T, R), E>>> {
        if let Some(stages) = &self.stages {
            stages.bell.wait(context.waker()); // first: what comes from now on rings
        }
        self.advance(Empty::ComeBack)
    }

    fn advance(&mut self, empty: Empty) -> Poll<Option<Result<(T, R), E>>> {
        loop {
            if let Some(embedded) = self.ready.next() {
                return Poll::Ready(Some(Ok(embedded)));
            }
            if let Some(failure) = self.failure.take() {
                self.stages = None;
                return Poll::Ready(Some(Err(failure)));
            }
            if let Some(window) = self.window.as_mut().filter(|window| !window.is_done()) {
                match window.receive(empty) {
                    Ok(texts) => (self.on_batch)(texts),
                    Err(TryRecvError::Empty) => return Poll::Pending,
                    Err(TryRecvError::Disconnected) => window.give_up(),
                }
                continue;
            }
            if let Some(window) = self.window.take() {
                let (ready, failure) = window.finish();
                self.ready = ready.into_iter();
                self.failure = failure.map(E::from);
                continue;
            }
            let Some(windows) = self.stages.as_ref().and_then(|it| it.windows.as_ref()) else {
                return Poll::Ready(None);
            };
            match empty.receive(windows) {
                Ok(Ok(window)) => self.window = Some(window),
                Ok(Err(failure)) => self.failure = Some(failure),
                Err(TryRecvError::Empty) => return Poll::Pending,
                Err(TryRecvError::Disconnected) => self.stages = None, // every text is through
            }
        }
    }
}

impl<T, E: From<Error>, R> Iterator for Stream<T, E, R> {
    type Item = Result<(T, R), E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Poll::Ready(next) = self.advance(Empty::Wait) {
                return next;
            }
        }
    }
}

impl<T, E, R> Stages<T, E, R>
where
    T: Send + 'static,
    for<'a> &'a T: Into<Text<'a>>,
    E: From<Error> + Send + 'static,
    R: Send + 'static,
{
    fn start(
        model: &impl BatchModel<Item = R>,
        texts: impl Iterator<Item = Result<T, E>> + Send + 'static,
        options: &StreamOptions,
    ) -> Result<Self, Error> {
        let (to_packer, chunks) = mpsc::sync_channel(CHUNKS_AHEAD);
        let (to_stream, windows) = mpsc::sync_channel(WINDOWS_AHEAD);
        let (to_runners, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut stages = Self {
            windows: Some(windows),
            chunks: to_packer.clone(),
            end_runner: end_runner(to_runners.clone()),
            bell: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        let first_index = options.first_index;
        for runner in 0..RUNNERS {
            let (model, jobs, stop) = (model.clone(), jobs.clone(), stages.stop.clone());
            let work = move || runner::run(runner, &model, &jobs, &stop);
            stages.threads.push(spawn("running", first_index, work)?);
        }
        let packer = Packer::new(
            model.clone(),
            options,
            to_stream,
            Arc::clone(&stages.bell),
            to_runners,
        );
        let pack = move || packer.pack_all(&chunks);
        stages.threads.push(spawn("tokenising", first_index, pack)?);
        let read = move || reader::read(texts, first_index, &to_packer);
        spawn("reading", first_index, read)?; // on its own
        Ok(stages)
    }
}

impl<T, E, R> Drop for Stages<T, E, R> {
    /// Waits for what is submitted: a driver must not be at work when a process ends.
    fn drop(&mut self) {
        self.stop.say();
        drop(self.windows.take());
        // Wakes those who wait for more; one with work left finds that nobody wants it. All may be gone already.
        while let Err(TrySendError::Full(_)) = self.chunks.try_send(Chunk::End) {
            thread::sleep(Duration::from_millis(1)); // the packer makes room
        }
        for _ in 0..RUNNERS {
            (self.end_runner)();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // a panic was passed on as an error
        }
    }
}

/// Wakes a runner that waits for a job, and ends it; all may be gone already.
fn end_runner<P: Send + 'static>(jobs: Sender<Option<Job<P>>>) -> Box<dyn Fn() + Send> {
    Box::new(move || {
        let _ = jobs.send(None);
    })
}

fn spawn(
    stage: &'static str,
    index: usize,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let thread = thread::Builder::new().name(format!("wgformer {stage}"));
    thread.spawn(work).map_err(|error| Error::Stopped {
        stage,
        index,
        message: format!("there is no thread for it: {error}"),
    })
}

/// What a stage's panic said, as the error that the stream ends with.
fn panicked(stage: &'static str, index: usize, payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Error::Stopped {
        stage,
        index,
        message: format!("panicked: {}", text.unwrap_or("it did not say why")),
    }
}

impl<T, E, R> fmt::Debug for Stream<T, E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}
