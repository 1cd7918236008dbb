use std::sync::Arc;
use std::time::Duration;

use super::{Loading, Progress};
use crate::kernel::Storage;
use crate::tensor::{Sizes, WeightType};
use crate::tuning::Selection;

/// How a graph is compiled.
///
/// ```
/// use std::time::Duration;
/// use wgformer::kernel::Storage;
/// use wgformer::plan::PlanOptions;
/// use wgformer::tensor::{Sizes, WeightType};
/// use wgformer::tuning::Selection;
///
/// let capacity = Sizes { tokens: 1024, sequences: 64, longest: 256 };
/// let options = PlanOptions::new(capacity)
///     .weight_type(WeightType::F16)
///     .selection(Selection::default().named(["linear_tile 64x64"]))
///     .storage(Storage::Buffers)
///     .submit_time(Duration::from_millis(20))
///     .memory_budget(256 << 20)
///     .load_timeout(Duration::from_secs(60))
///     .load_progress(|progress| println!("{} of {} bytes", progress.done, progress.total));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanOptions {
    pub(crate) capacity: Sizes,
    pub(crate) weight_type: WeightType,
    pub(crate) selection: Selection,
    pub(crate) storage: Option<Storage>,
    pub(crate) submit_time: Duration,
    pub(crate) memory_budget: Option<u64>,
    pub(crate) loading: Loading,
}

/// The longest submit unless [`PlanOptions::submit_time`] says otherwise: far below what any operating system lets a GPU
/// be busy without an answer.
pub const SUBMIT_TIME: Duration = Duration::from_millis(100);

impl PlanOptions {
    /// f32 weights and the built-in choice of kernels, for runs of at most `capacity`.
    #[must_use]
    pub fn new(capacity: Sizes) -> Self {
        Self {
            capacity,
            weight_type: WeightType::F32,
            selection: Selection::default(),
            storage: None,
            submit_time: SUBMIT_TIME,
            memory_budget: None,
            loading: Loading::default(),
        }
    }

    /// How weight matrices are stored: [`WeightType::I8`] for linear layers only. Everything else is f32.
    #[must_use]
    pub fn weight_type(self, weight_type: WeightType) -> Self {
        Self {
            weight_type,
            ..self
        }
    }

    /// How variants are chosen.
    #[must_use]
    pub fn selection(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// What activations are kept in: what suits the adapter, unless this says otherwise.
    #[must_use]
    pub fn storage(self, storage: Storage) -> Self {
        Self {
            storage: Some(storage),
            ..self
        }
    }

    /// The longest that one submit is meant to take, [`SUBMIT_TIME`] by default; a dispatch that alone takes longer is
    /// split.
    #[must_use]
    pub fn submit_time(self, submit_time: Duration) -> Self {
        Self {
            submit_time,
            ..self
        }
    }

    /// The most bytes that its weights and all of its runs together may take on the device ([`Memory`](super::Memory)), without bound by
    /// default. Where another run does not fit, it waits for one that is under way.
    #[must_use]
    pub fn memory_budget(self, memory_budget: u64) -> Self {
        Self {
            memory_budget: Some(memory_budget),
            ..self
        }
    }

    /// The longest that compiling and uploading may take, without bound by default; then they end with
    /// [`Error::Deadline`](crate::Error::Deadline).
    #[must_use]
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.loading.timeout = Some(timeout);
        self
    }

    /// `progress` is called on the thread that loads, with the bytes of weights that are on the device, and of how many.
    #[must_use]
    pub fn load_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.loading.progress = Some(Arc::new(progress));
        self
    }
}
