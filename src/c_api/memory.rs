//! What models and indexes take on the device.

use std::mem::MaybeUninit;

use super::answerer::wgformer_answerer;
use super::arguments::required;
use super::boundary::guarded;
use super::classifier::wgformer_classifier;
use super::embedder::wgformer_embedder;
use super::filler::wgformer_filler;
use super::gpu::wgformer_gpu;
use super::index::wgformer_index;
use super::index_options::wgformer_index_options;
use super::late_interaction::wgformer_late_interaction;
use super::reranker::wgformer_reranker;
use super::sparse_embedder::wgformer_sparse_embedder;
use super::status::wgformer_status;
use super::tagger::wgformer_tagger;
use super::zero_shot::wgformer_zero_shot;
use crate::index::{Index, IndexOptions};
use crate::plan::Memory;

/// The bytes that something takes on its device, without what the driver takes. It is the caller's, and stays as it is in
/// later releases.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wgformer_memory {
    /// All of it: `weights`, and for each of `runs` `activations` and `staging`.
    pub total: u64,
    /// Of the weights, or of an index's vectors.
    pub weights: u64,
    /// Of what the steps of one run read and write.
    pub activations: u64,
    /// Of what brings the inputs of one run to the device, and its result back.
    pub staging: u64,
    /// How many runs have memory of their own; what one has is used again by the next.
    pub runs: usize,
}

impl From<Memory> for wgformer_memory {
    fn from(memory: Memory) -> Self {
        Self {
            total: memory.total(),
            weights: memory.weights,
            activations: memory.activations,
            staging: memory.staging,
            runs: memory.runs,
        }
    }
}

/// What the model takes on the device now.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_memory(
    embedder: Option<&wgformer_embedder>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(embedder, "embedder", memory, |it| {
        it.embedder.model().memory()
    })
}

/// What the model takes on the device now, its head included.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embedder_memory(
    sparse_embedder: Option<&wgformer_sparse_embedder>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(sparse_embedder, "sparse_embedder", memory, |it| {
        it.0.memory()
    })
}

/// What the model and the comparison take on the device now, as if the calls of both were one.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_late_interaction_memory(
    late_interaction: Option<&wgformer_late_interaction>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(late_interaction, "late_interaction", memory, |it| {
        it.0.memory()
    })
}

/// What the model takes on the device now.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_classifier_memory(
    classifier: Option<&wgformer_classifier>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(classifier, "classifier", memory, |it| {
        it.classifier.model().memory()
    })
}

/// What the model takes on the device now.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_memory(
    zero_shot: Option<&wgformer_zero_shot>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(zero_shot, "zero_shot", memory, |it| it.0.model().memory())
}

/// What the model takes on the device now.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_reranker_memory(
    reranker: Option<&wgformer_reranker>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(reranker, "reranker", memory, |it| it.0.model().memory())
}

/// What the model takes on the device now.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tagger_memory(
    tagger: Option<&wgformer_tagger>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(tagger, "tagger", memory, |it| it.0.model().memory())
}

/// What the model takes on the device now.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answerer_memory(
    answerer: Option<&wgformer_answerer>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(answerer, "answerer", memory, |it| it.0.model().memory())
}

/// What the model takes on the device now, its head included.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_filler_memory(
    filler: Option<&wgformer_filler>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(filler, "filler", memory, |it| it.0.model().memory())
}

/// What the index takes on the device now: its vectors, as far as they are there, and what searches have allocated, which
/// is counted as one run.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_memory(
    index: Option<&wgformer_index>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    write(index, "index", memory, |it| it.0.memory())
}

/// What an index of so many vectors would take on the device, and one run of a search for `k` hits; nothing is allocated.
///
/// `dimensions`: the length of a vector, in floats. `options`: null for the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_memory_needed(
    gpu: Option<&wgformer_gpu>,
    dimensions: usize,
    count: usize,
    k: usize,
    options: Option<&wgformer_index_options>,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
) -> wgformer_status {
    guarded(|| {
        let out = required(memory, "memory")?;
        let gpu = &required(gpu, "gpu")?.gpu;
        let default = IndexOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        let needed = Index::memory_needed(gpu, dimensions, count, k, options)?;
        out.write(needed.into());
        Ok(())
    })
}

fn write<H>(
    handle: Option<&H>,
    name: &str,
    memory: Option<&mut MaybeUninit<wgformer_memory>>,
    of: impl FnOnce(&H) -> Memory,
) -> wgformer_status {
    guarded(|| {
        let out = required(memory, "memory")?;
        out.write(of(required(handle, name)?).into());
        Ok(())
    })
}
