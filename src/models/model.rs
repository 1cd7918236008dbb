use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Batch, Head, Network, ScoreFunction};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::kernel::Storage;
use crate::plan::{Control, Forward, Loading, Memory, Plan, PlanOptions, Progress, SUBMIT_TIME};
use crate::tensor::{Dim, Sizes, WeightType};
use crate::tuning::{self, Selection};

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
    beside: u64,
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
    /// then they end with [`Error::Deadline`]. A model of several plans has it for each.
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
    source: Arc<Source>,
    batch_tokens: usize,
}

/// What a model is compiled from, on any device.
#[derive(Debug)]
struct Source {
    network: Network,
    /// The longest sequence.
    max_tokens: usize,
    options: ModelOptions,
}

/// The most sequences in one batch.
const MAX_SEQUENCES: usize = 1024;

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
        let source = Source::open(directory, head, max_tokens, options)?;
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
        let source = Source::of(network, max_tokens, options);
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
        let source = Source::open(directory, head, max_tokens, options)?;
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

    fn compile(gpu: &Gpu, source: Arc<Source>) -> Result<Self> {
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

impl Source {
    fn open(
        directory: &Path,
        head: Head,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let network = Network::open(directory, head)?;
        Ok(Self::of(network, max_tokens, options))
    }

    fn of(network: Network, max_tokens: usize, options: &ModelOptions) -> Self {
        Self {
            max_tokens: max_tokens.min(network.encoder.max_tokens),
            network,
            options: options.clone(),
        }
    }

    /// The most tokens in one batch on this device, within its limits and the budget of memory.
    fn batch_tokens(&self, gpu: &Gpu) -> Result<usize> {
        self.check_longest(gpu)?;
        let wanted = self.options.batch_tokens;
        let wanted = wanted.unwrap_or_else(|| default_batch_tokens(gpu));
        let most = wanted.clamp(1, most_tokens(gpu, &self.network.graph).max(1));
        match self.options.memory_budget {
            None => Ok(most),
            Some(budget) => self.tokens_within(budget, most, gpu),
        }
    }

    /// The most tokens, up to `most`, that a budget has room for.
    fn tokens_within(&self, budget: u64, most: usize, gpu: &Gpu) -> Result<usize> {
        let beside = self.options.beside;
        let needed = |tokens| -> Result<u64> {
            let options = self.plan_options(tokens);
            let own = Plan::memory_needed(gpu, &self.network.graph, &options)?;
            Ok(own.total() + beside)
        };
        let least = needed(1)?;
        if least > budget {
            return Err(Error::Limit {
                thing: format!(
                    "{} with texts of {} tokens",
                    self.network.weights.location(),
                    self.max_tokens
                ),
                needed: least,
                allowed: budget,
                unit: "bytes of memory",
                advice: "raise the memory budget, store weights as f16 or int8, or lower max_seq_length in its sentence_bert_config.json",
            });
        }
        let (mut fits, mut too_many) = (1, most + 1);
        while fits + 1 < too_many {
            let tokens = fits.midpoint(too_many);
            if needed(tokens)? <= budget {
                fits = tokens;
            } else {
                too_many = tokens;
            }
        }
        Ok(fits)
    }

    /// A plan for batches of so many tokens, and for the longest sequence alone.
    fn plan_options(&self, batch_tokens: usize) -> PlanOptions {
        let tokens = batch_tokens.max(self.max_tokens);
        let capacity = Sizes {
            tokens,
            sequences: tokens.min(MAX_SEQUENCES),
            longest: self.max_tokens,
        };
        let mut options = PlanOptions::new(capacity)
            .weight_type(self.options.weight_type)
            .selection(self.options.selection.clone())
            .submit_time(self.options.submit_time);
        options.loading = self.options.loading.clone();
        match self.options.memory_budget {
            Some(budget) => options.memory_budget(budget.saturating_sub(self.options.beside)),
            None => options,
        }
    }

    /// A sequence that no batch may hold is refused here: a texture may be far larger than a binding, and a small
    /// checkpoint of many positions and a wide layer would ask for gigabytes.
    fn check_longest(&self, gpu: &Gpu) -> Result<()> {
        gpu.capabilities().check_limits()?; // of a device for no plan at all, that is what there is to say
        let needed = bytes_per_token(&self.network.graph).saturating_mul(self.max_tokens as u64);
        let allowed = gpu.capabilities().largest_binding();
        if needed <= allowed {
            return Ok(());
        }
        Err(Error::Limit {
            thing: format!(
                "a text of {} tokens in {}",
                self.max_tokens,
                self.network.weights.location()
            ),
            needed,
            allowed,
            unit: "bytes in one buffer",
            advice: "lower max_seq_length in its sentence_bert_config.json (of PyTorch's own parts, max_length in config.json), or use an adapter with a larger limit",
        })
    }
}

/// Enough tokens to fill the adapter: a software adapter gains nothing from more, and a batch is the step of a
/// progress bar.
fn default_batch_tokens(gpu: &Gpu) -> usize {
    if gpu.capabilities().is_software() {
        1024
    } else {
        8192
    }
}

/// The most tokens of which no activation exceeds one binding, or one texture.
fn most_tokens(gpu: &Gpu, graph: &Graph) -> usize {
    let tokens = gpu.capabilities().largest_binding() / bytes_per_token(graph);
    let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
    let limits = &gpu.capabilities().limits;
    match tuning::preferred_storage(gpu.capabilities()) {
        Storage::Buffers => tokens,
        Storage::Textures => tokens.min(limits.max_texture_dimension_2d as usize),
    }
}

/// What the widest activation takes for each token; at least 1.
fn bytes_per_token(graph: &Graph) -> u64 {
    let one_token = Sizes {
        tokens: 1,
        sequences: 0,
        longest: 1,
    };
    let grows = graph
        .tensors()
        .iter()
        .filter(|tensor| tensor.shape.dims().contains(&Dim::Tokens));
    let bytes = grows.map(|tensor| 4 * tensor.shape.elements(&one_token) as u64);
    bytes.max().unwrap_or(0).max(1)
}
