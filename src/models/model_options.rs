use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Loading, Memory, Progress, SUBMIT_TIME};
use crate::tensor::WeightType;
use crate::tuning::Selection;

/// How a model is loaded.
///
/// ```
/// use std::time::Duration;
/// use wgformer::models::ModelOptions;
/// use wgformer::tensor::WeightType;
///
/// let options = ModelOptions::default()
///     .weight_type(WeightType::F16)
///     .batch_tokens(4096)
///     .submit_time(Duration::from_millis(20))
///     .memory_budget(256 << 20)
///     .load_timeout(Duration::from_secs(60))
///     .load_progress(|progress| println!("{} of {} bytes", progress.done, progress.total));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelOptions {
    pub(crate) weight_type: WeightType,
    pub(crate) batch_tokens: Option<usize>,
    pub(crate) selection: Selection,
    pub(crate) submit_time: Duration,
    pub(crate) memory_budget: Option<u64>,
    /// The bytes of the budget that are for what is loaded with the model, such as a head of its own.
    pub(super) beside: u64,
    pub(crate) loading: Loading,
}

impl ModelOptions {
    /// How weight matrices are stored: [`WeightType::I8`] for linear layers only.
    #[must_use]
    pub fn weight_type(self, weight_type: WeightType) -> Self {
        Self {
            weight_type,
            ..self
        }
    }

    /// The most tokens in one GPU batch: by default 8,192, on software adapters 1,024. No batch exceeds what the device's
    /// limits and the memory budget allow. A longer sequence goes alone.
    #[must_use]
    pub fn batch_tokens(self, batch_tokens: usize) -> Self {
        Self {
            batch_tokens: Some(batch_tokens),
            ..self
        }
    }

    /// How kernels are chosen.
    ///
    /// See [`Selection`] for an example.
    #[must_use]
    pub fn selection(self, selection: Selection) -> Self {
        Self { selection, ..self }
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

    /// The most bytes that the model may take on the device, its weights and all runs that are under way, without bound
    /// by default: batches become smaller, and runs wait for one another.
    #[must_use]
    pub fn memory_budget(self, memory_budget: u64) -> Self {
        Self {
            memory_budget: Some(memory_budget),
            ..self
        }
    }

    /// For a model that shares its budget of memory with what takes so much.
    #[must_use]
    pub(crate) fn beside(self, other: &Memory) -> Self {
        Self {
            beside: self.beside + other.total(),
            ..self
        }
    }

    /// The longest that compiling and uploading may take, when the model is loaded or recovered, without bound by default;
    /// then they end with [`Error::Deadline`](crate::Error::Deadline). A model of several plans has it for each.
    #[must_use]
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.loading.timeout = Some(timeout);
        self
    }

    /// `progress` is called on the thread that loads, with the bytes of weights that are on the device, and of how many;
    /// for a model of several plans, for one after another.
    #[must_use]
    pub fn load_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.loading.progress = Some(Arc::new(progress));
        self
    }
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            weight_type: WeightType::F32,
            batch_tokens: None,
            selection: Selection::default(),
            submit_time: SUBMIT_TIME,
            memory_budget: None,
            beside: 0,
            loading: Loading::default(),
        }
    }
}
