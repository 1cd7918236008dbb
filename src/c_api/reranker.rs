//! Texts to how well they answer a query.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, table};
use super::boundary::{free, guarded};
use super::gpu::wgformer_gpu;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::texts::{text, texts, wgformer_text};
use crate::tasks::{Ranked, Reranker};

/// A cross-encoder, which reads a query and a text together, with its tokenizer.
#[derive(Debug)]
pub struct wgformer_reranker(pub(super) Reranker);

/// Loads a Hugging Face directory with a head for sequence classification that has one label.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_reranker_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    reranker: Option<&mut MaybeUninit<Option<Box<wgformer_reranker>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(reranker, "reranker")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let reranker = unsafe { loaded(gpu, directory, options, Reranker::load) }?;
        *out = Some(Box::new(wgformer_reranker(reranker)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_reranker_clone(
    reranker: Option<&wgformer_reranker>,
) -> Option<Box<wgformer_reranker>> {
    reranker.map(|reranker| Box::new(wgformer_reranker(reranker.0.clone())))
}

/// Writes how well each text answers the query, in the order of the texts, and waits for it: `[count]`.
///
/// A score is from 0 to 1, or a logit, as the checkpoint says; the higher, the better. `capacity`: the room at `scores`,
/// in floats, at least `count`. A call that fails writes nothing there. What is longer than the model takes is cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_reranker_score(
    reranker: Option<&wgformer_reranker>,
    query: wgformer_text,
    texts: *const wgformer_text,
    count: usize,
    scores: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let reranker = &required(reranker, "reranker")?.0;
        // SAFETY: the caller passes a text that stays as it is during the call.
        let query = unsafe { text(query, "query") }?;
        // SAFETY: the same of so many texts.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let scores = unsafe { table(scores, capacity, [count, 1], "scores") }?;
        for Ranked { index, score } in reranker.rank(query, &texts)? {
            scores[index].write(score);
        }
        Ok(())
    })
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_reranker_free(reranker: Option<Box<wgformer_reranker>>) {
    free(reranker);
}
