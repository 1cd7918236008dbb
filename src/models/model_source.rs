//! What a model is compiled from, and how large its batches may be on a device.

use std::path::Path;

use super::{Head, ModelOptions, Network};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::kernel::Storage;
use crate::plan::{Plan, PlanOptions};
use crate::tensor::{Dim, Sizes};
use crate::tuning;

/// What a model is compiled from, on any device.
#[derive(Debug)]
pub(super) struct ModelSource {
    pub(super) network: Network,
    /// The longest sequence.
    pub(super) max_tokens: usize,
    pub(super) options: ModelOptions,
}

/// The most sequences in one batch.
const MAX_SEQUENCES: usize = 1024;

impl ModelSource {
    pub(super) fn open(
        directory: &Path,
        head: Head,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let network = Network::open(directory, head)?;
        Ok(Self::of(network, max_tokens, options))
    }

    pub(super) fn of(network: Network, max_tokens: usize, options: &ModelOptions) -> Self {
        Self {
            max_tokens: max_tokens.min(network.encoder.max_tokens),
            network,
            options: options.clone(),
        }
    }

    /// The most tokens in one batch on this device, within its limits and the budget of memory.
    pub(super) fn batch_tokens(&self, gpu: &Gpu) -> Result<usize> {
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
    pub(super) fn plan_options(&self, batch_tokens: usize) -> PlanOptions {
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
