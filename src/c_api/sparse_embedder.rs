//! Texts to weights of few of the vocabulary's entries.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, string};
use super::boundary::{free, guarded};
use super::gpu::wgformer_gpu;
use super::listing::Listing;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::texts::{texts, wgformer_text};
use crate::tasks::{SparseEmbedder, SparseEmbedding};

/// A model that gives sparse vectors, weights of few of the vocabulary's entries, with its tokenizer.
#[derive(Debug)]
pub struct wgformer_sparse_embedder(pub(super) SparseEmbedder);

/// The sparse vectors of some texts, in order.
#[derive(Debug)]
pub struct wgformer_sparse_embeddings(Listing<wgformer_sparse_embedding>);

/// The sparse vector of a text: the entries that weigh anything, the heaviest first, of equal ones the first of the
/// vocabulary.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_sparse_embedding {
    /// How many tokens the text has, special tokens included, after it was cut to the model's length.
    pub tokens: usize,
    /// Whether it had more, which were cut off.
    pub is_cut: bool,
    /// How many entries weigh anything; as many are in each of the arrays.
    pub count: usize,
    /// Their places in the vocabulary.
    pub ids: *const u32,
    /// Their weights, each more than 0; of a query without inference they may be less, where its table was trained so.
    pub weights: *const f32,
    /// What the vocabulary has there, such as `##ing`; "" where it has nothing.
    pub entries: *const *const c_char,
}

/// Loads a Hugging Face directory of a masked language model (SPLADE), with the table that weighs queries if it has one, or
/// of BGE-M3 with its `sparse_linear.pt`.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_sparse_embedder_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    sparse_embedder: Option<&mut MaybeUninit<Option<Box<wgformer_sparse_embedder>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(sparse_embedder, "sparse_embedder")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let embedder = unsafe { loaded(gpu, directory, options, SparseEmbedder::load) }?;
        *out = Some(Box::new(wgformer_sparse_embedder(embedder)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embedder_clone(
    sparse_embedder: Option<&wgformer_sparse_embedder>,
) -> Option<Box<wgformer_sparse_embedder>> {
    sparse_embedder.map(|it| Box::new(wgformer_sparse_embedder(it.0.clone())))
}

/// A handle to the same model with one of its prompts before every text, such as `query` or `document`; of a model that
/// reads queries otherwise than documents, these two names say which a text is, whatever the prompts are. Nothing of the
/// model is copied.
///
/// `name`: the prompt's, in UTF-8, ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_sparse_embedder_with_prompt(
    sparse_embedder: Option<&wgformer_sparse_embedder>,
    name: *const c_char,
    prompted: Option<&mut MaybeUninit<Option<Box<wgformer_sparse_embedder>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(prompted, "prompted")?;
        let embedder = &required(sparse_embedder, "sparse_embedder")?.0;
        // SAFETY: the caller passes a string that stays as it is during the call.
        let prompted = embedder.with_prompt(unsafe { string(name, "name") }?)?;
        *out = Some(Box::new(wgformer_sparse_embedder(prompted)));
        Ok(())
    })
}

/// Lists the sparse vectors of some texts, in order. What is longer than the model takes is cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_sparse_embedder_embed(
    sparse_embedder: Option<&wgformer_sparse_embedder>,
    texts: *const wgformer_text,
    count: usize,
    embeddings: Option<&mut MaybeUninit<Option<Box<wgformer_sparse_embeddings>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(embeddings, "embeddings")?;
        let embedder = &required(sparse_embedder, "sparse_embedder")?.0;
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        let mut listing = Listing::new();
        for embedding in embedder.embed(&texts)? {
            add(&mut listing, embedder, &embedding);
        }
        *out = Some(Box::new(wgformer_sparse_embeddings(listing)));
        Ok(())
    })
}

fn add(
    listing: &mut Listing<wgformer_sparse_embedding>,
    embedder: &SparseEmbedder,
    embedding: &SparseEmbedding,
) {
    let weights = || embedding.weights.iter();
    let entry = |id| listing.string(embedder.token(id).unwrap_or_default());
    let entries = weights().map(|it| it.id).map(entry).collect();
    let row = wgformer_sparse_embedding {
        tokens: embedding.tokens,
        is_cut: embedding.is_cut,
        count: embedding.weights.len(),
        ids: listing.array(weights().map(|it| it.id).collect()),
        weights: listing.array(weights().map(|it| it.weight).collect()),
        entries: listing.array(entries),
    };
    listing.add(row);
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embedder_free(
    sparse_embedder: Option<Box<wgformer_sparse_embedder>>,
) {
    free(sparse_embedder);
}

/// How many there are, one for each text; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embeddings_count(
    embeddings: Option<&wgformer_sparse_embeddings>,
) -> usize {
    embeddings.map_or(0, |embeddings| embeddings.0.rows().len())
}

/// The sparse vector of a text; null past the end.
///
/// `index`: the text's place, counted from 0. It, its arrays and its strings are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embeddings_get(
    embeddings: Option<&wgformer_sparse_embeddings>,
    index: usize,
) -> Option<&wgformer_sparse_embedding> {
    embeddings?.0.rows().get(index)
}

/// Frees the list, its arrays and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embeddings_free(
    embeddings: Option<Box<wgformer_sparse_embeddings>>,
) {
    drop(embeddings);
}
