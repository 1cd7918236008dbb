use std::path::Path;
use std::sync::Arc;

use super::{Batch, Head, Model, ModelOptions, Network};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::plan::{Control, Memory, Plan, PlanOptions, Value};
use crate::tensor::Sizes;

/// An encoder with the head that predicts tokens, which runs for those places alone that are asked for. Clones share
/// both, from any thread.
///
/// ```
/// use wgformer::models::{Batch, MaskedLm, ModelOptions};
///
/// # let folder = "tests/data/heads/bert-masked-lm";
/// let gpu = wgformer::Gpu::new()?;
/// let model = MaskedLm::load(&gpu, folder.as_ref(), 512, &ModelOptions::default())?;
/// model.warm_up()?;
/// let mut batch = Batch::new();
/// batch.push(&[2, 4, 3], &[0, 0, 0]);
/// let logits = model.run(&batch, &[1])?; // of the second token: [1, vocabulary]
/// assert_eq!(logits.len(), model.vocabulary());
/// println!("{} bytes, {} tokens at most", model.memory().total(), model.encoder().max_tokens());
/// println!("{}", model.head());
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
/// let model = MaskedLm::load(&gpu, folder.as_ref(), 512, &options)?;
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
    head: Arc<Plan>,
    source: Arc<Network>,
    options: ModelOptions,
}

/// The most places that are predicted at once.
const MAX_PLACES: usize = 64;

impl MaskedLm {
    /// Loads a checkpoint with such a head; `max_tokens` as [`Model::load`] has it. A budget of memory is for both.
    ///
    /// # Errors
    /// As [`Model::load`]; [`Error::TensorMissing`] if the checkpoint has no such head.
    pub fn load(
        gpu: &Gpu,
        directory: &Path,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let source = Arc::new(Network::open_masked_lm(directory)?);
        let of_encoder = within_what_is_left(gpu, &source, options)?;
        let encoder = Model::load(gpu, directory, Head::HiddenStates, max_tokens, &of_encoder)?;
        Ok(Self {
            encoder,
            head: compile(gpu, &source, options)?,
            source,
            options: options.clone(),
        })
    }

    /// The same on another device, after its own was lost: [`Model::recover`].
    ///
    /// # Errors
    /// As [`MaskedLm::load`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        Ok(Self {
            encoder: self.encoder.recover(gpu)?,
            head: compile(gpu, &self.source, &self.options)?,
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

    /// What runs the head.
    #[must_use]
    pub fn head(&self) -> &Plan {
        &self.head
    }

    /// The number of entries of the vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.source.columns
    }

    /// What encoder and head take on the device now. Their runs are of different sizes; `activations` and `staging` are
    /// those of all, as if they were of one.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.encoder.memory().with(&self.head.memory())
    }

    /// Runs each pipeline once, so that the first real run is as fast as the next: [`Plan::warm_up`].
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn warm_up(&self) -> Result<()> {
        self.encoder.warm_up()?;
        self.head.warm_up()
    }

    /// The logits of what could stand at `places`, counted among all tokens of the batch: `[places, vocabulary]`.
    ///
    /// # Errors
    /// As [`Model::run`], and [`Error::Input`] if there is no such place.
    pub fn run(&self, batch: &Batch, places: &[usize]) -> Result<Vec<f32>> {
        pollster::block_on(self.run_async(batch, places))
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
            let control = match due {
                None => Control::new(),
                Some(due) => Control::new().deadline(due),
            };
            let rows = self.predict(&hidden_states, places, control).await?;
            let rows = rows.chunks_exact(rows.len() / places.len());
            rows.for_each(|row| each(&row[..self.vocabulary()]));
        }
        Ok(())
    }

    /// The logits of a few rows of hidden states, each followed by what fills it up to a multiple of four.
    async fn predict(
        &self,
        hidden_states: &[f32],
        places: &[usize],
        control: Control<'_>,
    ) -> Result<Vec<f32>> {
        let columns = self.encoder.columns();
        let row = |place: &usize| &hidden_states[place * columns..(place + 1) * columns];
        let rows: Vec<f32> = places.iter().flat_map(row).copied().collect();
        let (sizes, rows) = (sizes(places.len()), [Value::F32(&rows)]);
        let head = self.head.run_with_async(&sizes, &rows, control);
        head.await
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
    PlanOptions::new(sizes(MAX_PLACES))
        .weight_type(options.weight_type)
        .selection(options.selection.clone())
        .submit_time(options.submit_time)
}

fn compile(gpu: &Gpu, source: &Network, options: &ModelOptions) -> Result<Arc<Plan>> {
    let (mut of_head, weights) = (plan_options(options), Arc::clone(&source.weights));
    if options.memory_budget.is_some() {
        of_head = of_head.memory_budget(needed(gpu, source, options)?); // one run at a time
    }
    Ok(Arc::new(Plan::compile(
        gpu,
        &source.graph,
        weights,
        &of_head,
    )?))
}

/// What the head takes, with one run.
fn needed(gpu: &Gpu, source: &Network, options: &ModelOptions) -> Result<u64> {
    Ok(Plan::memory_needed(gpu, &source.graph, &plan_options(options))?.total())
}

/// The encoder's options: a budget of memory without what the head takes.
fn within_what_is_left(
    gpu: &Gpu,
    source: &Network,
    options: &ModelOptions,
) -> Result<ModelOptions> {
    match options.memory_budget {
        None => Ok(options.clone()),
        Some(budget) => {
            let left = budget.saturating_sub(needed(gpu, source, options)?);
            Ok(options.clone().memory_budget(left))
        }
    }
}
