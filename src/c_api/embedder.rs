//! Texts to vectors.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{array, array_mut, cleared, required, string, utf8};
use super::boundary::{Failure, guarded};
use super::gpu::wgformer_gpu;
use super::options::wgformer_embedder_options;
use super::status::wgformer_status;
use crate::tasks::{Embedder, EmbedderOptions};

/// A model with its tokenizer and its pooling.
#[derive(Debug)]
pub struct wgformer_embedder(Embedder);

/// A text in UTF-8. It needs no NUL at its end, and may hold some.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wgformer_text {
    /// Its bytes; may be null where there are none.
    pub data: *const c_char,
    /// How many they are.
    pub length: usize,
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
        let gpu = required(gpu, "gpu")?;
        // SAFETY: the caller passes a string that stays as it is during the call.
        let directory = unsafe { string(directory, "directory") }?;
        let default = EmbedderOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        let embedder = Embedder::load_with(&gpu.gpu, directory, options)?;
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
        let texts = unsafe { array(texts, count, "texts") }?;
        let texts = texts.iter().enumerate().map(|(place, text)| {
            let name = format!("texts[{place}]");
            // SAFETY: the same of their bytes.
            let bytes = unsafe { array(text.data.cast::<u8>(), text.length, &name) }?;
            utf8(bytes, &name)
        });
        let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
        let needed = room(count, embedder.dimensions(), capacity)?;
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let vectors = unsafe { array_mut(vectors, needed, "vectors") }?;
        let found = embedder.embed(&texts)?;
        for (place, value) in vectors.iter_mut().zip(found.into_iter().flatten()) {
            place.write(value);
        }
        Ok(())
    })
}

/// The floats that the vectors take.
fn room(count: usize, dimensions: usize, capacity: usize) -> Result<usize, Failure> {
    let needed = count.checked_mul(dimensions);
    needed.filter(|needed| *needed <= capacity).ok_or_else(|| {
        Failure::invalid_argument(format!(
            "capacity is {capacity} floats, and {count} vectors of {dimensions} need more"
        ))
    })
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_free(embedder: Option<Box<wgformer_embedder>>) {
    guarded(|| {
        drop(embedder);
        Ok(())
    });
}
