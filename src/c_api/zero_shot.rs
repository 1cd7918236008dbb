//! Texts to the scores of any labels.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, table};
use super::boundary::{free, guarded};
use super::classifier::write_scores;
use super::gpu::wgformer_gpu;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::texts::{texts, wgformer_text};
use super::zero_shot_options::wgformer_zero_shot_options;
use crate::tasks::{ZeroShot, ZeroShotOptions};

/// A model for natural language inference, which tells which of any labels a text has, with its tokenizer.
#[derive(Debug)]
pub struct wgformer_zero_shot(pub(super) ZeroShot);

/// Loads a Hugging Face directory with a head for sequence classification that has a label whose name begins with
/// `entail`.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_zero_shot_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    zero_shot: Option<&mut MaybeUninit<Option<Box<wgformer_zero_shot>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(zero_shot, "zero_shot")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let zero_shot = unsafe { loaded(gpu, directory, options, ZeroShot::load) }?;
        *out = Some(Box::new(wgformer_zero_shot(zero_shot)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_clone(
    zero_shot: Option<&wgformer_zero_shot>,
) -> Option<Box<wgformer_zero_shot>> {
    zero_shot.map(|zero_shot| Box::new(wgformer_zero_shot(zero_shot.0.clone())))
}

/// Writes the score of every label for each text, in order, and waits for it: row-major, `[count, label_count]`.
///
/// `labels`: as many as `label_count`, at least 1. `options`: null for the defaults. `capacity`: the room at `scores`, in
/// floats, at least `count` times `label_count`. A call that fails writes nothing there. What is longer than the model
/// takes is cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_zero_shot_classify(
    zero_shot: Option<&wgformer_zero_shot>,
    texts: *const wgformer_text,
    count: usize,
    labels: *const wgformer_text,
    label_count: usize,
    options: Option<&wgformer_zero_shot_options>,
    scores: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let zero_shot = &required(zero_shot, "zero_shot")?.0;
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        // SAFETY: the same of the labels.
        let labels = unsafe { self::texts(labels, label_count, "labels") }?;
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let scores = unsafe { table(scores, capacity, [count, label_count], "scores") }?;
        let default = ZeroShotOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        write_scores(&zero_shot.classify(&texts, &labels, options)?, scores);
        Ok(())
    })
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_free(zero_shot: Option<Box<wgformer_zero_shot>>) {
    free(zero_shot);
}
