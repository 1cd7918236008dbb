//! Texts to vectors.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, table};
use super::boundary::{Failure, free, guarded};
use super::embedder_options::wgformer_embedder_options;
use super::embeddings::{listed, wgformer_embeddings};
use super::gpu::wgformer_gpu;
use super::index_options::{number_of, wgformer_metric};
use super::loading::loaded;
use super::status::wgformer_status;
use super::texts::{texts, wgformer_text};
use crate::tasks::Embedder;

/// A model with its tokenizer and its pooling.
#[derive(Clone, Debug)]
pub struct wgformer_embedder {
    pub(super) embedder: Embedder,
    per_token: bool,
}

impl wgformer_embedder {
    /// The same with what `embedder` has before every text.
    pub(super) fn with(&self, embedder: Embedder) -> Self {
        Self {
            embedder,
            per_token: self.per_token,
        }
    }

    /// For what needs one vector per text.
    pub(super) fn of_texts(&self) -> Result<&Embedder, Failure> {
        if self.per_token {
            let message = "embedder gives a vector per token, which wgformer_embedder_embeddings has room for; for one per \
                           text, load it without per_token";
            return Err(Failure::invalid_argument(message.to_owned()));
        }
        Ok(&self.embedder)
    }
}

/// Loads a Hugging Face directory: config.json, weights, the tokenizer and, if there, its sentence-transformers
/// files.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_embedder_options>,
    embedder: Option<&mut MaybeUninit<Option<Box<wgformer_embedder>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(embedder, "embedder")?;
        let options = options.map(|options| &options.0);
        let per_token = options.is_some_and(|options| options.per_token);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let embedder = unsafe { loaded(gpu, directory, options, Embedder::load_with) }?;
        *out = Some(Box::new(wgformer_embedder {
            embedder,
            per_token,
        }));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_clone(
    embedder: Option<&wgformer_embedder>,
) -> Option<Box<wgformer_embedder>> {
    embedder.map(|embedder| Box::new(embedder.clone()))
}

/// The length of a vector, in floats; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_dimensions(embedder: Option<&wgformer_embedder>) -> usize {
    embedder.map_or(0, |embedder| embedder.embedder.dimensions())
}

/// The longest text, in tokens; what is longer is cut, unless the options refuse it. 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_max_tokens(embedder: Option<&wgformer_embedder>) -> usize {
    embedder.map_or(0, |embedder| embedder.embedder.model().max_tokens())
}

/// Writes one vector per text, in order, and waits for it: row-major, `[count, dimensions]`.
///
/// `capacity`: the room at `vectors`, in floats, at least `count` times wgformer_embedder_dimensions. A call that
/// fails writes nothing there. A text's vector does not depend on the other texts, to the bit. An embedder that gives a
/// vector per token is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_embed(
    embedder: Option<&wgformer_embedder>,
    texts: *const wgformer_text,
    count: usize,
    vectors: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let embedder = required(embedder, "embedder")?.of_texts()?;
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        let shape = [count, embedder.dimensions()];
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let vectors = unsafe { table(vectors, capacity, shape, "vectors") }?;
        let found = embedder.embed(&texts)?;
        for (place, value) in vectors.iter_mut().zip(found.into_iter().flatten()) {
            place.write(value);
        }
        Ok(())
    })
}

/// Lists the vectors of some texts, in order, with how many tokens each has and whether it was cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_embeddings(
    embedder: Option<&wgformer_embedder>,
    texts: *const wgformer_text,
    count: usize,
    embeddings: Option<&mut MaybeUninit<Option<Box<wgformer_embeddings>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(embeddings, "embeddings")?;
        let embedder = &required(embedder, "embedder")?.embedder;
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        let found = embedder.embeddings(&texts)?;
        *out = Some(Box::new(listed(found, embedder.dimensions())));
        Ok(())
    })
}

/// Writes what says how near two vectors of the model are, for an index: one of WGFORMER_METRIC_*, the cosine unless its
/// files say otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_metric(
    embedder: Option<&wgformer_embedder>,
    metric: Option<&mut MaybeUninit<wgformer_metric>>,
) -> wgformer_status {
    guarded(|| {
        let out = required(metric, "metric")?;
        let embedder = &required(embedder, "embedder")?.embedder;
        out.write(number_of(embedder.metric()?));
        Ok(())
    })
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_free(embedder: Option<Box<wgformer_embedder>>) {
    free(embedder);
}
