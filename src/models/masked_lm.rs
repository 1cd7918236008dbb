use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::masked_lm_head::MaskedLmHead;
use super::{Batch, Head, Model, ModelOptions, Network};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::Storage;
use crate::plan::{Control, Memory, Plan, PlanOptions, Value};
use crate::tensor::Sizes;
use crate::tuning;

/// An encoder with the head that predicts tokens, which runs for those places alone that are asked for, and where the
/// vocabulary is too large for one binding of the device, a part of it after another. Clones share both, from any thread.
///
/// ```
/// use wgformer::models::{Batch, MaskedLm, ModelOptions};
///
/// # let folder = "tests/data/heads/bert-masked-lm";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// let needed = MaskedLm::memory_needed(&gpu, folder.as_ref(), 512, &options)?;
/// let model = MaskedLm::load(&gpu, folder.as_ref(), 512, &options)?;
/// model.warm_up()?;
/// assert_eq!(model.memory(), needed);
/// println!("{} plans run it", model.plans().len());
/// let mut batch = Batch::new();
/// batch.push(&[2, 4, 3], &[0, 0, 0]);
/// let logits = model.run(&batch, &[1])?; // of the second token: [1, vocabulary]
/// assert_eq!(logits.len(), model.vocabulary());
/// println!("{} bytes, {} tokens at most", model.memory().total(), model.encoder().max_tokens());
/// model.head().iter().for_each(|part| println!("{part}"));
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// Without blocking, within a time, and on another device:
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::{Gpu, plan::Control};
/// # use wgformer::models::{Batch, MaskedLm, ModelOptions};
/// # let (folder, options) = ("tests/data/heads/bert-masked-lm", ModelOptions::default());
/// # let mut batch = Batch::new();
/// # batch.push(&[2, 4, 3], &[0, 0, 0]);
/// # pollster::block_on(async {
/// let gpu = Gpu::new()?;
/// let model = MaskedLm::load_async(&gpu, folder.as_ref(), 512, &options).await?;
/// model.warm_up_async().await?;
/// let logits = model.run_async(&batch, &[1]).await?;
/// let mut count = 0;
/// model.for_each_async(&batch, &[0, 1], Control::new(), |logits| count += logits.len()).await?;
/// assert_eq!(count, 2 * model.vocabulary());
///
/// let in_time = Control::new().timeout(Duration::from_secs(60));
/// assert_eq!(model.run_with_async(&batch, &[1], in_time).await?, logits);
///
/// let another = Gpu::new()?; // after the first was lost
/// let recovered = model.recover(&another)?.recover_async(&another).await?;
/// assert_eq!(recovered.run(&batch, &[1])?, logits);
/// # Ok::<(), wgformer::Error>(())
/// # })?;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaskedLm {
    encoder: Model,
    head: Arc<[Plan]>,
    source: Arc<MaskedLmHead>,
    options: ModelOptions,
}

/// The most places that are predicted at once.
const MAX_PLACES: usize = 64;

impl MaskedLm {
    /// Loads a checkpoint with such a head; `max_tokens` as [`Model::load`] has it. A budget of memory is for both.
    ///
    /// # Errors
    /// As [`Model::load`]; [`Error::HeadMissing`] if the checkpoint has no such head.
    pub fn load(
        gpu: &Gpu,
        directory: &Path,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let source = MaskedLmHead::open(directory)?;
        let parts = parts(gpu, &source, options)?;
        let of_encoder = options.clone().beside(&needed(gpu, &parts, options)?);
        let encoder = Model::load(gpu, directory, Head::HiddenStates, max_tokens, &of_encoder)?;
        Ok(Self {
            encoder,
            head: compile(gpu, &parts, options)?,
            source: Arc::new(source),
            options: options.clone(),
        })
    }

    /// [`MaskedLm::load`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`MaskedLm::load`].
    pub async fn load_async(
        gpu: &Gpu,
        directory: &Path,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let (own, options) = (gpu.clone(), options.clone());
        let directory = directory.to_owned();
        gpu.off_thread(move || Self::load(&own, &directory, max_tokens, &options))
            .await
    }

    /// What [`MaskedLm::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// # Errors
    /// As [`MaskedLm::load`], without what concerns the weights' values.
    pub fn memory_needed(
        gpu: &Gpu,
        directory: &Path,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let parts = parts(gpu, &MaskedLmHead::open(directory)?, options)?;
        let of_head = needed(gpu, &parts, options)?;
        let of_encoder = options.clone().beside(&of_head);
        let head = Head::HiddenStates;
        let encoder = Model::memory_needed(gpu, directory, head, max_tokens, &of_encoder)?;
        Ok(encoder.with(&of_head))
    }

    /// The head for each part of the vocabulary that [`MaskedLm::load`] makes a plan of on this device: all of one shape,
    /// but the last may be of fewer entries.
    ///
    /// ```
    /// use wgformer::models::{MaskedLm, ModelOptions};
    ///
    /// # let folder = "tests/data/heads/bert-masked-lm".as_ref();
    /// let gpu = wgformer::Gpu::new()?;
    /// for part in MaskedLm::parts(&gpu, folder, &ModelOptions::default())? {
    ///     println!("{} entries: {}", part.columns, part.graph);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Network::open_masked_lm`].
    pub fn parts(gpu: &Gpu, directory: &Path, options: &ModelOptions) -> Result<Vec<Network>> {
        parts(gpu, &MaskedLmHead::open(directory)?, options)
    }

    /// The same on another device, after its own was lost: [`Model::recover`].
    ///
    /// # Errors
    /// As [`MaskedLm::load`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        let parts = parts(gpu, &self.source, &self.options)?;
        Ok(Self {
            encoder: self.encoder.recover(gpu)?,
            head: compile(gpu, &parts, &self.options)?,
            ..self.clone()
        })
    }

    /// [`MaskedLm::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`MaskedLm::load`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        let (own, lost) = (gpu.clone(), self.clone());
        gpu.off_thread(move || lost.recover(&own)).await
    }

    /// The encoder, which gives hidden states.
    #[must_use]
    pub fn encoder(&self) -> &Model {
        &self.encoder
    }

    /// What runs the head: a plan for each part of the vocabulary, as few as the device's limits allow.
    #[must_use]
    pub fn head(&self) -> &[Plan] {
        &self.head
    }

    /// All that runs: the encoder's plan, and the head's.
    #[must_use]
    pub fn plans(&self) -> Vec<&Plan> {
        let encoder = std::iter::once(self.encoder.plan());
        encoder.chain(self.head.iter()).collect()
    }

    /// The number of entries of the vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.source.encoder.vocabulary
    }

    /// What encoder and head take on the device now. Their runs are of different sizes; `activations` and `staging` are
    /// those of all, as if they were of one.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let parts = self.head.iter().map(Plan::memory);
        parts.fold(self.encoder.memory(), |all, part| all.with(&part))
    }

    /// Runs each pipeline once, so that the first real run is as fast as the next: [`Plan::warm_up`].
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn warm_up(&self) -> Result<()> {
        self.encoder.warm_up()?;
        self.head.iter().try_for_each(Plan::warm_up)
    }

    /// [`MaskedLm::warm_up`], without blocking the thread.
    ///
    /// # Errors
    /// As [`MaskedLm::warm_up`].
    pub async fn warm_up_async(&self) -> Result<()> {
        self.encoder.warm_up_async().await?;
        for part in &*self.head {
            part.warm_up_async().await?;
        }
        Ok(())
    }

    /// The logits of what could stand at `places`, counted among all tokens of the batch: `[places, vocabulary]`.
    ///
    /// # Errors
    /// As [`Model::run`], and [`Error::Input`] if there is no such place.
    pub fn run(&self, batch: &Batch, places: &[usize]) -> Result<Vec<f32>> {
        let gpu = self.encoder.plan().gpu();
        gpu.block_on(self.run_async(batch, places))
    }

    /// [`MaskedLm::run`], without blocking the thread.
    ///
    /// # Errors
    /// As [`MaskedLm::run`].
    pub async fn run_async(&self, batch: &Batch, places: &[usize]) -> Result<Vec<f32>> {
        self.run_with_async(batch, places, Control::new()).await
    }

    /// [`MaskedLm::run_async`] with a deadline, or somebody who is told how many of the encoder's steps are submitted.
    ///
    /// # Errors
    /// As [`MaskedLm::run`], and [`Error::Deadline`].
    pub async fn run_with_async(
        &self,
        batch: &Batch,
        places: &[usize],
        control: Control<'_>,
    ) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(places.len() * self.vocabulary());
        let each = |logits: &[f32]| all.extend_from_slice(logits);
        self.for_each_async(batch, places, control, each).await?;
        Ok(all)
    }

    /// As [`MaskedLm::run_with_async`], but the logits of each place, `[vocabulary]`, are handed on in turn: of a few
    /// places at a time they are in memory.
    ///
    /// # Errors
    /// As [`MaskedLm::run_with_async`].
    pub async fn for_each_async(
        &self,
        batch: &Batch,
        places: &[usize],
        control: Control<'_>,
        mut each: impl FnMut(&[f32]),
    ) -> Result<()> {
        let tokens = batch.sizes().tokens;
        if let Some(place) = places.iter().find(|place| **place >= tokens) {
            return Err(Error::Input {
                name: "places".to_owned(),
                message: format!("has {place}, and the batch has {tokens} tokens"),
            });
        }
        let due = control.due();
        let hidden_states = self.encoder.run_with_async(batch, control).await?;
        for places in places.chunks(MAX_PLACES) {
            let parts = self.predict(&hidden_states, places, due).await?;
            let mut logits = Vec::new();
            for place in 0..places.len() {
                logits.clear();
                for part in &parts {
                    let columns = part.len() / places.len();
                    logits.extend_from_slice(&part[place * columns..(place + 1) * columns]);
                }
                each(&logits[..self.vocabulary()]);
            }
        }
        Ok(())
    }

    /// The logits of a few rows of hidden states, for each part of the vocabulary; what fills the last one up to a
    /// multiple of four follows.
    async fn predict(
        &self,
        hidden_states: &[f32],
        places: &[usize],
        due: Option<Instant>,
    ) -> Result<Vec<Vec<f32>>> {
        let columns = self.encoder.columns();
        let row = |place: &usize| &hidden_states[place * columns..(place + 1) * columns];
        let rows: Vec<f32> = places.iter().flat_map(row).copied().collect();
        let (sizes, rows) = (sizes(places.len()), [Value::F32(&rows)]);
        let mut logits = Vec::with_capacity(self.head.len());
        for part in &*self.head {
            let control = match due {
                None => Control::new(),
                Some(due) => Control::new().deadline(due),
            };
            logits.push(part.run_with_async(&sizes, &rows, control).await?);
        }
        Ok(logits)
    }
}

fn sizes(places: usize) -> Sizes {
    Sizes {
        tokens: places,
        sequences: 1,
        longest: places,
    }
}

fn plan_options(options: &ModelOptions) -> PlanOptions {
    let mut of_part = PlanOptions::new(sizes(MAX_PLACES))
        .weight_type(options.weight_type)
        .selection(options.selection.clone())
        .submit_time(options.submit_time);
    of_part.loading = options.loading.clone();
    of_part
}

/// The head for each part of the vocabulary.
fn parts(gpu: &Gpu, source: &MaskedLmHead, options: &ModelOptions) -> Result<Vec<Network>> {
    let (vocabulary, most) = (
        source.encoder.vocabulary,
        most_entries(gpu, source, options),
    );
    let part = |first| source.network(first..vocabulary.min(first + most));
    (0..vocabulary).step_by(most).map(part).collect()
}

/// What kernels fill up the rows and columns of a weight to.
const MULTIPLE: usize = 64;

/// The most entries of the vocabulary whose weights, in one binding with scales and biases, and logits fit the device.
fn most_entries(gpu: &Gpu, source: &MaskedLmHead, options: &ModelOptions) -> usize {
    let capabilities = gpu.capabilities();
    let columns = source.encoder.embedding_columns.next_multiple_of(MULTIPLE) as u64;
    let weights = columns * u64::from(options.weight_type.bits()) / 8 + 8;
    let logits = 4 * MAX_PLACES as u64;
    let in_one_binding = capabilities.largest_binding() / weights.max(logits);
    let in_one_binding = usize::try_from(in_one_binding).unwrap_or(usize::MAX);
    let most = match tuning::preferred_storage(capabilities) {
        Storage::Buffers => in_one_binding,
        // Four to a texel.
        Storage::Textures => {
            in_one_binding.min(4 * capabilities.limits.max_texture_dimension_2d as usize)
        }
    };
    (most / MULTIPLE * MULTIPLE).max(MULTIPLE)
}

/// One run of each at a time.
fn compile(gpu: &Gpu, parts: &[Network], options: &ModelOptions) -> Result<Arc<[Plan]>> {
    let plan = |part: &Network| {
        let mut of_part = plan_options(options);
        if options.memory_budget.is_some() {
            of_part = of_part.memory_budget(needed_by(gpu, part, options)?.total());
        }
        Plan::compile(gpu, &part.graph, Arc::clone(&part.weights), &of_part)
    };
    parts.iter().map(plan).collect()
}

/// What the head takes, with one run of each part.
fn needed(gpu: &Gpu, parts: &[Network], options: &ModelOptions) -> Result<Memory> {
    let mut parts = parts.iter().map(|part| needed_by(gpu, part, options));
    parts.try_fold(Memory::default(), |all, part| Ok(all.with(&part?)))
}

fn needed_by(gpu: &Gpu, part: &Network, options: &ModelOptions) -> Result<Memory> {
    Plan::memory_needed(gpu, &part.graph, &plan_options(options))
}
