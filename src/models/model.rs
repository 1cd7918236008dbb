use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Batch, Builder, Checkpoint, Config, Encoder, Family};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::kernel::Storage;
use crate::ops::Pooling;
use crate::plan::{Forward, Plan, PlanOptions, SUBMIT_TIME};
use crate::tensor::{Dim, Sizes, WeightType};
use crate::tuning::{self, Selection};

/// What follows the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Nothing: the hidden states, `[tokens, hidden]`.
    HiddenStates,
    /// One vector per sequence, `[sequences, hidden]`.
    Pooled {
        /// How tokens become one vector.
        pooling: Pooling,
        /// Whether the vector has length 1.
        normalize: bool,
    },
}

/// How a model is loaded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelOptions {
    /// How weight matrices are stored: [`WeightType::I8`] for linear layers only.
    pub weight_type: WeightType,
    /// The most tokens in one GPU batch; `None` chooses by the adapter, and no batch exceeds what its limits allow.
    /// A longer sequence goes alone.
    pub batch_tokens: Option<usize>,
    /// How kernels are chosen.
    pub selection: Selection,
    /// The longest that one submit is meant to take; one dispatch is never split.
    pub submit_time: Duration,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            weight_type: WeightType::F32,
            batch_tokens: None,
            selection: Selection::BuiltIn,
            submit_time: SUBMIT_TIME,
        }
    }
}

/// A compiled graph with its weights on the device. Clones share both, from any thread.
#[derive(Clone, Debug)]
pub struct Model {
    plan: Arc<Plan>,
    encoder: Encoder,
    batch_tokens: usize,
}

/// The most sequences in one batch.
const MAX_SEQUENCES: usize = 1024;

impl Model {
    /// Loads `config.json` and the safetensors of a Hugging Face directory.
    ///
    /// `max_tokens`: the longest sequence that will be run, if shorter than the model's own.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`] or [`Error::Unsupported`] for the configuration;
    /// [`Error::TensorMissing`], [`Error::TensorShape`] or [`Error::NotFinite`] for the weights;
    /// [`Error::Limit`], [`Error::Kernel`] or [`Error::Device`] for the device.
    pub fn load(
        gpu: &Gpu,
        directory: &Path,
        head: Head,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let checkpoint = Checkpoint::open(directory)?;
        let (graph, encoder) = build(directory, &checkpoint, head)?;
        let max_tokens = max_tokens.min(encoder.max_tokens);
        check_longest(gpu, &graph, directory, max_tokens)?;
        let wanted = options
            .batch_tokens
            .unwrap_or_else(|| default_batch_tokens(gpu));
        let batch_tokens = wanted.clamp(1, most_tokens(gpu, &graph).max(1));
        let tokens = batch_tokens.max(max_tokens);
        let capacity = Sizes {
            tokens,
            sequences: tokens.min(MAX_SEQUENCES),
            longest: max_tokens,
        };
        let plan_options = PlanOptions {
            weight_type: options.weight_type,
            selection: options.selection.clone(),
            submit_time: options.submit_time,
            ..PlanOptions::new(capacity)
        };
        let plan = Plan::compile(gpu, &graph, &checkpoint, &plan_options)?;
        Ok(Self {
            plan: Arc::new(plan),
            encoder,
            batch_tokens,
        })
    }

    /// The encoder's graph with its head, without a device.
    ///
    /// # Errors
    /// As [`Model::load`], without what concerns a device.
    pub fn graph(directory: &Path, head: Head) -> Result<Graph> {
        Ok(build(directory, &Checkpoint::open(directory)?, head)?.0)
    }

    /// The columns of the result.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.encoder.hidden
    }

    /// The longest sequence, in tokens.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.plan.capacity().longest
    }

    /// The most tokens in one batch; a longer sequence goes alone.
    #[must_use]
    pub fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    /// The most sequences in one batch.
    #[must_use]
    pub fn batch_sequences(&self) -> usize {
        self.plan.capacity().sequences
    }

    /// The compiled graph.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs a batch and waits: f32, row-major, `[sequences, hidden]` or `[tokens, hidden]` by the head.
    ///
    /// # Errors
    /// [`Error::Input`] if an id, a type or a length is out of range; as [`Plan::run`] for the device.
    pub fn run(&self, batch: &Batch) -> Result<Vec<f32>> {
        pollster::block_on(self.run_async(batch))
    }

    /// [`Model::run`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub async fn run_async(&self, batch: &Batch) -> Result<Vec<f32>> {
        let values = batch.values(self.plan.graph())?;
        self.plan.run_async(&batch.sizes(), &values).await
    }

    /// Begins a run that an application records into its own command encoders.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn begin(&self, batch: &Batch) -> Result<Forward> {
        let values = batch.values(self.plan.graph())?;
        self.plan.begin(&batch.sizes(), &values)
    }
}

fn build(directory: &Path, checkpoint: &Checkpoint, head: Head) -> Result<(Graph, Encoder)> {
    let config = Config::read(&directory.join("config.json"))?;
    let mut builder = Builder::new(checkpoint);
    let encoder = (Family::of(&config)?.build)(&config, &mut builder)?;
    let mut graph = builder.graph;
    let output = match head {
        Head::HiddenStates => encoder.hidden_states,
        Head::Pooled { pooling, normalize } => graph.pool(
            encoder.hidden_states,
            encoder.segment_offsets,
            pooling,
            normalize,
        )?,
    };
    graph.set_output(output);
    Ok((graph, encoder))
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

/// A sequence that no batch may hold is refused here: a texture may be far larger than a binding, and a small checkpoint
/// of many positions and a wide layer would ask for gigabytes.
fn check_longest(gpu: &Gpu, graph: &Graph, directory: &Path, max_tokens: usize) -> Result<()> {
    let needed = bytes_per_token(graph).saturating_mul(max_tokens as u64);
    let allowed = largest_binding(gpu);
    if needed <= allowed {
        return Ok(());
    }
    Err(Error::Limit {
        thing: format!("a text of {max_tokens} tokens in {}", directory.display()),
        needed,
        allowed,
        unit: "bytes in one buffer",
        advice: "lower max_seq_length in its sentence_bert_config.json, or use an adapter with a larger limit",
    })
}

/// The most tokens of which no activation exceeds one binding, or one texture.
fn most_tokens(gpu: &Gpu, graph: &Graph) -> usize {
    let tokens = largest_binding(gpu) / bytes_per_token(graph);
    let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
    let limits = &gpu.capabilities().limits;
    match tuning::preferred_storage(gpu.capabilities()) {
        Storage::Buffers => tokens,
        Storage::Textures => tokens.min(limits.max_texture_dimension_2d as usize),
    }
}

/// In bytes.
pub(crate) fn largest_binding(gpu: &Gpu) -> u64 {
    let limits = &gpu.capabilities().limits;
    limits
        .max_storage_buffer_binding_size
        .min(limits.max_buffer_size)
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
