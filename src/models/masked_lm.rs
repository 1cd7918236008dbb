use std::path::Path;
use std::sync::Arc;

use super::{Batch, Head, Model, ModelOptions, Network};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::plan::{Plan, PlanOptions, Value};
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
/// let mut batch = Batch::new();
/// batch.push(&[2, 4, 3], &[0, 0, 0]);
/// let logits = model.run(&batch, &[1])?; // of the second token: [1, vocabulary]
/// assert_eq!(logits.len(), model.vocabulary());
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaskedLm {
    encoder: Model,
    head: Arc<Plan>,
    vocabulary: usize,
}

/// The most places that are predicted at once.
const MAX_PLACES: usize = 64;

impl MaskedLm {
    /// Loads a checkpoint with such a head; `max_tokens` as [`Model::load`] has it.
    ///
    /// # Errors
    /// As [`Model::load`]; [`crate::Error::TensorMissing`] if the checkpoint has no such head.
    pub fn load(
        gpu: &Gpu,
        directory: &Path,
        max_tokens: usize,
        options: &ModelOptions,
    ) -> Result<Self> {
        let network = Network::open_masked_lm(directory)?;
        let places = Sizes {
            tokens: MAX_PLACES,
            sequences: 1,
            longest: MAX_PLACES,
        };
        let of_head = PlanOptions::new(places)
            .weight_type(options.weight_type)
            .selection(options.selection.clone())
            .submit_time(options.submit_time);
        let head = Plan::compile(gpu, &network.graph, Arc::clone(&network.weights), &of_head)?;
        Ok(Self {
            encoder: Model::load(gpu, directory, Head::HiddenStates, max_tokens, options)?,
            head: Arc::new(head),
            vocabulary: network.columns,
        })
    }

    /// The encoder, which gives hidden states.
    #[must_use]
    pub fn encoder(&self) -> &Model {
        &self.encoder
    }

    /// The number of entries of the vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The logits of what could stand at `places`, counted among all tokens of the batch: `[places, vocabulary]`.
    ///
    /// # Errors
    /// As [`Model::run`].
    ///
    /// # Panics
    /// If there is no such place.
    pub fn run(&self, batch: &Batch, places: &[usize]) -> Result<Vec<f32>> {
        pollster::block_on(self.run_async(batch, places))
    }

    /// [`MaskedLm::run`], without blocking the thread.
    ///
    /// # Errors
    /// As [`MaskedLm::run`].
    ///
    /// # Panics
    /// If there is no such place.
    pub async fn run_async(&self, batch: &Batch, places: &[usize]) -> Result<Vec<f32>> {
        let hidden_states = self.encoder.run_async(batch).await?;
        let columns = self.encoder.columns();
        let mut logits = Vec::with_capacity(places.len() * self.vocabulary);
        for places in places.chunks(MAX_PLACES) {
            let row = |place: &usize| &hidden_states[place * columns..(place + 1) * columns];
            let rows: Vec<f32> = places.iter().flat_map(row).copied().collect();
            let sizes = Sizes {
                tokens: places.len(),
                sequences: 1,
                longest: places.len(),
            };
            let padded = self.head.run_async(&sizes, &[Value::F32(&rows)]).await?;
            for row in padded.chunks_exact(padded.len() / places.len()) {
                logits.extend_from_slice(&row[..self.vocabulary]);
            }
        }
        Ok(logits)
    }
}
