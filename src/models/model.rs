use std::path::Path;
use std::sync::Arc;

use super::model_source::ModelSource;
use super::{Batch, Head, ModelOptions, Network, ScoreFunction};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::plan::{Control, Forward, Memory, Plan};

/// A compiled graph with its weights on the device. Clones share both, from any thread.
///
/// ```
/// use wgformer::models::{Batch, Head, Model, ModelOptions};
///
/// # let folder = "tests/data/tiny/plain";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &options)?;
/// let mut batch = Batch::new();
/// batch.push(&[2, 7, 3], &[0, 0, 0]);
/// let hidden_states = model.run(&batch)?; // [tokens, hidden], row-major
/// assert_eq!(hidden_states.len(), 3 * model.hidden());
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    plan: Arc<Plan>,
    source: Arc<ModelSource>,
    batch_tokens: usize,
}

impl Model {
    /// Loads `config.json` and the weights of a Hugging Face directory.
    ///
    /// `max_tokens`: the longest sequence that will be run, if shorter than the model's own.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`] or [`Error::Unsupported`] for the files;
    /// [`Error::TensorMissing`], [`Error::TensorShape`] or [`Error::NotFinite`] for the weights; [`Error::Limit`] for the
    /// memory budget and the longest text; as [`Plan::compile`] for the device.
    pub fn load(
        gpu: &Gpu,
        directory: &Path,
        head: Head,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let source = ModelSource::open(directory, head, max_tokens, options)?;
        Self::compile(gpu, Arc::new(source))
    }

    /// Loads a network that is there already, otherwise as [`Model::load`].
    ///
    /// ```
    /// use wgformer::models::{Head, Model, ModelOptions, Network};
    ///
    /// # let folder = std::path::Path::new("tests/data/tiny/plain");
    /// let network = Network::open(folder, Head::HiddenStates)?;
    /// println!("{}", network.graph);
    /// let model = Model::of_network(&wgformer::Gpu::new()?, network, 512, &ModelOptions::default())?;
    /// # assert_eq!(model.columns(), 32);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::load`], without what concerns reading files.
    pub fn of_network(
        gpu: &Gpu,
        network: Network,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let source = ModelSource::of(network, max_tokens, options);
        Self::compile(gpu, Arc::new(source))
    }

    /// [`Model::load`], on a thread of its own, without blocking this one.
    ///
    /// ```
    /// # use wgformer::{models::{Batch, Head, Model, ModelOptions}, plan::Control};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain".as_ref());
    /// # let mut batch = Batch::new();
    /// # batch.push(&[2, 7, 3], &[0, 0, 0]);
    /// # pollster::block_on(async {
    /// let options = ModelOptions::default();
    /// let model = Model::load_async(&gpu, folder, Head::HiddenStates, 512, &options).await?;
    /// model.warm_up_async().await?;
    /// let hidden_states = model.run_async(&batch).await?;
    /// let control = Control::new().progress(|progress| println!("{} steps are submitted", progress.done));
    /// assert_eq!(model.run_with_async(&batch, control).await?, hidden_states);
    ///
    /// let another = wgformer::Gpu::new()?; // after the first was lost
    /// let model = model.recover_async(&another).await?;
    /// assert_eq!(model.run_async(&batch).await?, hidden_states);
    /// # Ok::<(), wgformer::Error>(()) })?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::load`].
    pub async fn load_async(
        gpu: &Gpu,
        directory: &Path,
        head: Head,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let (own, options) = (gpu.clone(), options.clone());
        let directory = directory.to_owned();
        gpu.off_thread(move || Self::load(&own, &directory, head, max_tokens, &options))
            .await
    }

    /// What [`Model::load`] would take on the device, and one run of a full batch; nothing is allocated.
    ///
    /// See [`Memory`] for an example.
    ///
    /// # Errors
    /// As [`Model::load`], without what concerns the weights' values.
    pub fn memory_needed(
        gpu: &Gpu,
        directory: &Path,
        head: Head,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Memory> {
        let source = ModelSource::open(directory, head, max_tokens, options)?;
        let batch_tokens = source.batch_tokens(gpu)?;
        Plan::memory_needed(
            gpu,
            &source.network.graph,
            &source.plan_options(batch_tokens),
        )
    }

    /// The same model on another device, after its own was lost: from the files, which are still mapped, with the
    /// options that it was loaded with.
    ///
    /// ```
    /// # use wgformer::models::{Head, Model};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &Default::default())?;
    /// let another = wgformer::Gpu::new()?; // after the first was lost
    /// let model = model.recover(&another)?;
    /// model.warm_up()?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn recover(&self, gpu: &Gpu) -> Result<Self> {
        Self::compile(gpu, Arc::clone(&self.source))
    }

    /// [`Model::recover`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub async fn recover_async(&self, gpu: &Gpu) -> Result<Self> {
        let (own, source) = (gpu.clone(), Arc::clone(&self.source));
        gpu.off_thread(move || Self::compile(&own, source)).await
    }

    fn compile(gpu: &Gpu, source: Arc<ModelSource>) -> Result<Self> {
        let batch_tokens = source.batch_tokens(gpu)?;
        let options = source.plan_options(batch_tokens);
        let Network { graph, weights, .. } = &source.network;
        let plan = Plan::compile(gpu, graph, Arc::clone(weights), &options)?;
        Ok(Self {
            plan: Arc::new(plan),
            source,
            batch_tokens,
        })
    }

    /// The columns of the result.
    ///
    /// ```
    /// use wgformer::models::{Head, Model, ModelOptions, ScoreFunction};
    ///
    /// # let folder = "tests/data/tasks/sentiment";
    /// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
    /// let model = Model::load(&gpu, folder.as_ref(), Head::SequenceClassification, 512, &options)?;
    /// assert_eq!(model.columns(), model.labels().len());
    /// assert_eq!(model.score_function(), ScoreFunction::Softmax);
    /// assert_eq!(model.cross_encoder_function(), ScoreFunction::Identity);
    /// assert!(model.expect_labels(1).is_err()); // as a cross-encoder has
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn columns(&self) -> usize {
        self.source.network.columns
    }

    /// The columns of the encoder's hidden states.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.source.network.encoder.hidden
    }

    /// The number of entries of the vocabulary: every id is below it.
    ///
    /// ```
    /// # use wgformer::models::{Head, Model};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &Default::default())?;
    /// assert_eq!(model.vocabulary(), 60);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.source.network.encoder.vocabulary
    }

    /// The names of the labels that a classification tells apart, one for each column of its result.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.source.network.labels
    }

    /// The longest sequence, in tokens.
    ///
    /// See [`Model::batch_tokens`] for an example.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.plan.capacity().longest
    }

    /// The most tokens in one batch; a longer sequence goes alone.
    ///
    /// ```
    /// # use wgformer::models::{Batch, Head, Model};
    /// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
    /// # let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &Default::default())?;
    /// # let sequences = vec![vec![2, 7, 3]; 3];
    /// let mut batch = Batch::new();
    /// for ids in sequences {
    ///     let ids = &ids[..ids.len().min(model.max_tokens())];
    ///     let sizes = batch.sizes();
    ///     if sizes.tokens + ids.len() > model.batch_tokens() || sizes.sequences == model.batch_sequences() {
    ///         println!("{:?}", model.run(&batch)?);
    ///         batch = Batch::new();
    ///     }
    ///     batch.push(ids, &vec![0; ids.len()]);
    /// }
    /// println!("{:?}", model.run(&batch)?);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    /// The most sequences in one batch.
    ///
    /// See [`Model::batch_tokens`] for an example.
    #[must_use]
    pub fn batch_sequences(&self) -> usize {
        let sequences = self.plan.capacity().sequences;
        if self.is_expanded() {
            sequences / 2
        } else {
            sequences
        }
    }

    /// Whether every sequence is added by [`Batch::push_expanded`].
    pub(crate) fn is_expanded(&self) -> bool {
        self.source.network.expanded
    }

    /// What the logits of a cross-encoder become, as sentence-transformers has it.
    #[must_use]
    pub fn cross_encoder_function(&self) -> ScoreFunction {
        self.source.network.cross_encoder_function
    }

    /// Checks that a classification has so many labels.
    ///
    /// # Errors
    /// [`Error::Input`] with how many it has.
    pub fn expect_labels(&self, count: usize) -> Result<()> {
        let labels = self.labels();
        if labels.len() == count {
            return Ok(());
        }
        Err(Error::Input {
            name: self.source.network.weights.location(),
            message: format!(
                "has {} labels, {}, and this task needs {count}",
                labels.len(),
                labels.join(", ")
            ),
        })
    }

    /// What the logits of a classification become.
    #[must_use]
    pub fn score_function(&self) -> ScoreFunction {
        self.source.network.score_function
    }

    /// What it takes on the device now: its weights, and what runs have allocated.
    ///
    /// See [`Memory`] for an example.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.plan.memory()
    }

    /// The compiled graph.
    ///
    /// See [`Batch::values`] for an example.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs each pipeline once, so that the first real batch is as fast as the next: [`Plan::warm_up`].
    ///
    /// See [`Model::recover`] for an example.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn warm_up(&self) -> Result<()> {
        self.plan.warm_up()
    }

    /// [`Model::warm_up`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub async fn warm_up_async(&self) -> Result<()> {
        self.plan.warm_up_async().await
    }

    /// Runs a batch and waits: f32, row-major, a row of [`Model::columns`] per sequence or per token, by the head.
    ///
    /// # Errors
    /// [`Error::Input`] if an id, a type or a length is out of range; as [`Plan::run`] for the device.
    pub fn run(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.plan.gpu().block_on(self.run_async(batch))
    }

    /// [`Model::run`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub async fn run_async(&self, batch: &Batch) -> Result<Vec<f32>> {
        let batch = self.source.network.encoder.adapt(batch);
        let values = batch.values(self.plan.graph())?;
        let rows = self.plan.run_async(&batch.sizes(), &values).await?;
        Ok(self.without_padding(rows))
    }

    /// [`Model::run`] with a deadline, or somebody who is told how many of its steps are submitted.
    ///
    /// See [`Control`] for an example.
    ///
    /// # Errors
    /// As [`Model::run`], and [`Error::Deadline`].
    pub fn run_with(&self, batch: &Batch, control: Control<'_>) -> Result<Vec<f32>> {
        self.plan
            .gpu()
            .block_on(self.run_with_async(batch, control))
    }

    /// [`Model::run_with`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::run_with`].
    pub async fn run_with_async(&self, batch: &Batch, control: Control<'_>) -> Result<Vec<f32>> {
        let batch = self.source.network.encoder.adapt(batch);
        let values = batch.values(self.plan.graph())?;
        let (plan, sizes) = (&self.plan, batch.sizes());
        let rows = plan.run_with_async(&sizes, &values, control).await?;
        Ok(self.without_padding(rows))
    }

    /// Rows of [`Model::columns`], of what may be filled up to a multiple of four.
    fn without_padding(&self, rows: Vec<f32>) -> Vec<f32> {
        let (columns, graph) = (self.columns(), self.plan.graph());
        let output = graph.output().map(|output| graph.tensor(output));
        let found = output.and_then(|it| it.shape.dims().last()?.fixed());
        match found {
            Some(padded) if padded > columns => {
                let rows = rows.chunks_exact(padded);
                rows.flat_map(|row| &row[..columns]).copied().collect()
            }
            _ => rows,
        }
    }

    /// Begins a run that an application records into its own command encoders; its result has as many columns as
    /// [`Forward::shape`] says, of which those past [`Model::columns`] have no meaning.
    ///
    /// See [`Forward`] for an example.
    ///
    /// # Errors
    /// As [`Plan::begin`].
    pub fn begin(&self, batch: &Batch) -> Result<Forward> {
        let batch = self.source.network.encoder.adapt(batch);
        let values = batch.values(self.plan.graph())?;
        self.plan.begin(&batch.sizes(), &values)
    }
}
