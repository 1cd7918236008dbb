//! Texts to vectors.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, table};
use super::boundary::{free, guarded};
use super::embedder_options::wgformer_embedder_options;
use super::gpu::wgformer_gpu;
use super::loading::loaded;
use super::status::wgformer_status;
use super::texts::{texts, wgformer_text};
use crate::tasks::Embedder;

/// A model with its tokenizer and its pooling.
#[derive(Debug)]
pub struct wgformer_embedder(pub(super) Embedder);

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
        // SAFETY: the caller passes a string that stays as it is during the call.
        let embedder = unsafe { loaded(gpu, directory, options, Embedder::load_with) }?;
        *out = Some(Box::new(wgformer_embedder(embedder)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_clone(
    embedder: Option<&wgformer_embedder>,
) -> Option<Box<wgformer_embedder>> {
    embedder.map(|embedder| Box::new(wgformer_embedder(embedder.0.clone())))
}

/// The length of a vector, in floats; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_dimensions(embedder: Option<&wgformer_embedder>) -> usize {
    embedder.map_or(0, |embedder| embedder.0.dimensions())
}

/// The longest text, in tokens; what is longer is cut. 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_max_tokens(embedder: Option<&wgformer_embedder>) -> usize {
    embedder.map_or(0, |embedder| embedder.0.model().max_tokens())
}

/// Writes one vector per text, in order, and waits for it: row-major, `[count, dimensions]`.
///
/// `capacity`: the room at `vectors`, in floats, at least `count` times wgformer_embedder_dimensions. A call that
/// fails writes nothing there. A text's vector does not depend on the other texts, to the bit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_embed(
    embedder: Option<&wgformer_embedder>,
    texts: *const wgformer_text,
    count: usize,
    vectors: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let embedder = &required(embedder, "embedder")?.0;
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

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_free(embedder: Option<Box<wgformer_embedder>>) {
    free(embedder);
}
