//! What took how long, on the device and on the host.

mod chrome;
mod kernels;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

pub use kernels::KernelTime;

/// Collects what the engine does on a device while it is profiled: [`Gpu::profiled`](crate::Gpu::profiled). Clones share
/// what is collected.
///
/// ```
/// use wgformer::Gpu;
/// use wgformer::models::{Batch, Head, Model, ModelOptions};
/// use wgformer::profile::{Clock, KernelTime, Profile, Span, Track, Work};
///
/// let profile = Profile::new();
/// let gpu = Gpu::new()?.profiled(&profile);
/// # let folder = "tests/data/tiny/plain";
/// let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &ModelOptions::default())?;
/// let mut batch = Batch::new();
/// batch.push(&[2, 7, 3], &[0, 0, 0]);
/// model.run(&batch)?;
///
/// let kernels: Vec<KernelTime> = profile.kernels();
/// for kernel in kernels {
///     println!("{}: {:?} in {} dispatches", kernel.name, kernel.time, kernel.dispatches);
/// }
/// let dispatches: Vec<Span> = profile.spans().into_iter().filter(|it| it.track == Track::Device).collect();
/// assert_eq!(dispatches.len(), model.plan().graph().nodes().len());
/// for dispatch in &dispatches {
///     let Work { operation, flops, .. } = dispatch.work.as_ref().expect("every dispatch has it");
///     let whose = if dispatch.clock == Clock::Device { "the device's" } else { "the host's" };
///     println!("{operation}: {flops} operations in {:?} by {whose} clock", dispatch.duration);
/// }
/// let mut trace = Vec::new(); // for Perfetto, or chrome://tracing
/// profile.write_trace(&mut trace)?;
/// assert_eq!(profile.left_out(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    began: Instant,
    recorded: Arc<Mutex<Recorded>>,
}

#[derive(Debug, Default)]
struct Recorded {
    spans: Vec<Span>,
    left_out: usize,
    kernels: HashMap<String, KernelTime>,
    /// In the order in which they were first heard of.
    threads: HashMap<ThreadId, usize>,
}

/// More spans than this are counted, and those of kernels added up, but not kept: some hundred megabytes.
const MOST_SPANS: usize = 1 << 20;

/// Something that took time.
///
/// See [`Profile`] for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// What kind of thing it is.
    pub track: Track,
    /// What it is: of a dispatch its kernel and tile.
    pub name: String,
    /// When it began, counted from when the profile was made.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Whose clock that was.
    pub clock: Clock,
    /// Which of the host's threads did it, counted from 0; 0 for the device.
    pub thread: usize,
    /// Of a dispatch, what it computes.
    pub work: Option<Work>,
}

/// Where a span is drawn.
///
/// See [`Profile`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Track {
    /// A dispatch.
    Device,
    /// Inputs on their way into a buffer that the device can copy from.
    Upload,
    /// Commands recorded and submitted.
    Encode,
    /// A result that is waited for and copied to the host.
    ReadBack,
    /// Texts to tokens.
    Tokenize,
    /// A kernel's translation and the driver's compilation.
    Compile,
    /// Weights read, packed and uploaded.
    Weights,
}

impl Track {
    /// Its name in a trace.
    ///
    /// ```
    /// assert_eq!(wgformer::profile::Track::ReadBack.name(), "read back");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Upload => "upload",
            Self::Encode => "encode",
            Self::ReadBack => "read back",
            Self::Tokenize => "tokenize",
            Self::Compile => "compile",
            Self::Weights => "weights",
        }
    }
}

/// Whose clock a span was measured by.
///
/// See [`Profile`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The device's, by timestamps before and after.
    Device,
    /// The host's: of a dispatch, from its submit until the host knew that it was done.
    Host,
}

/// What a dispatch computes.
///
/// See [`Profile`] for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Work {
    /// The operation's name.
    pub operation: &'static str,
    /// The result's shape.
    pub shape: String,
    /// The multiplications and additions of its matrix products; 0 if it has none.
    pub flops: f64,
    /// The bytes of its operands and its result, each once.
    pub bytes: f64,
}

impl Work {
    /// Of so large a share of its workgroups.
    pub(crate) fn times(&self, share: f64) -> Self {
        Self {
            flops: share * self.flops,
            bytes: share * self.bytes,
            ..self.clone()
        }
    }
}

impl Profile {
    /// Of nothing yet.
    #[cfg(not(target_arch = "wasm32"))] // where there is no such clock
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a clock starts")]
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            recorded: Arc::default(),
        }
    }

    /// Everything so far, in the order in which it ended.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.recorded().spans.clone()
    }

    /// How many spans were not kept, since there were too many; their kernels' times are in [`Profile::kernels`].
    ///
    /// See [`Profile`] for an example.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.recorded().left_out
    }

    /// What each kernel took, the longest first.
    #[must_use]
    pub fn kernels(&self) -> Vec<KernelTime> {
        let mut kernels: Vec<_> = self.recorded().kernels.values().cloned().collect();
        kernels.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.name.cmp(&b.name)));
        kernels
    }

    /// What `work` gives; its time on this thread is kept.
    pub(crate) fn measure<T>(&self, track: Track, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = work();
        self.add_of_host(track, name, start);
        value
    }

    /// Something on this thread that began at `start` and ends now.
    pub(crate) fn add_of_host(&self, track: Track, name: &str, start: Instant) {
        let (start, duration) = (self.since(start), start.elapsed());
        let mut recorded = self.recorded();
        let next = recorded.threads.len();
        let own = std::thread::current().id();
        let thread = *recorded.threads.entry(own).or_insert(next);
        recorded.add(Span {
            track,
            name: name.to_owned(),
            start,
            duration,
            clock: Clock::Host,
            thread,
            work: None,
        });
    }

    /// A dispatch of the kernel of this name.
    pub(crate) fn add_dispatch(
        &self,
        name: String,
        start: Duration,
        duration: Duration,
        clock: Clock,
        work: Work,
    ) {
        self.recorded().add(Span {
            track: Track::Device,
            name,
            start,
            duration,
            clock,
            thread: 0,
            work: Some(work),
        });
    }

    /// How long after the beginning.
    pub(crate) fn since(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.began)
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    fn add(&mut self, span: Span) {
        if let Some(work) = &span.work {
            let kernel = self.kernels.entry(span.name.clone());
            kernel
                .or_insert_with(|| KernelTime::none(&span))
                .add(&span, work);
        }
        if self.spans.len() < MOST_SPANS {
            self.spans.push(span);
        } else {
            self.left_out += 1;
        }
    }
}
