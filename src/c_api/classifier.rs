//! Texts to the scores of a checkpoint's labels.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use super::arguments::{cleared, required, table};
use super::boundary::{c_string, free, guarded};
use super::gpu::wgformer_gpu;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::texts::{inputs, wgformer_text};
use crate::tasks::{Classifier, Label};

/// A model that tells which of its labels a text has, with its tokenizer.
#[derive(Clone, Debug)]
pub struct wgformer_classifier {
    pub(super) classifier: Classifier,
    labels: Arc<[CString]>,
}

impl wgformer_classifier {
    fn new(classifier: Classifier) -> Self {
        let labels = classifier.labels().iter().cloned();
        Self {
            labels: labels.map(c_string).collect(),
            classifier,
        }
    }
}

/// Loads a Hugging Face directory with a head for sequence classification.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_classifier_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    classifier: Option<&mut MaybeUninit<Option<Box<wgformer_classifier>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(classifier, "classifier")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let classifier = unsafe { loaded(gpu, directory, options, Classifier::load) }?;
        *out = Some(Box::new(wgformer_classifier::new(classifier)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_classifier_clone(
    classifier: Option<&wgformer_classifier>,
) -> Option<Box<wgformer_classifier>> {
    classifier.map(|classifier| Box::new(classifier.clone()))
}

/// How many labels there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_classifier_label_count(
    classifier: Option<&wgformer_classifier>,
) -> usize {
    classifier.map_or(0, |classifier| classifier.labels.len())
}

/// A label's name; null past the end.
///
/// `index`: its place, counted from 0. The string stays as long as a handle of the model.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_classifier_label(
    classifier: Option<&wgformer_classifier>,
    index: usize,
) -> *const c_char {
    let label = classifier.and_then(|classifier| classifier.labels.get(index));
    label.map_or(ptr::null(), |label| label.as_ptr())
}

/// Writes the score of every label for each text, in order, and waits for it: row-major, `[count, labels]`.
///
/// A score is from 0 to 1, or any number where the checkpoint says that its logits are the result. `pairs`: null, or as
/// many texts, of which each is read together with that of `texts` at its place. `capacity`: the room at `scores`, in
/// floats, at least `count` times wgformer_classifier_label_count. A call that fails writes nothing there. What is longer
/// than the model takes is cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_classifier_classify(
    classifier: Option<&wgformer_classifier>,
    texts: *const wgformer_text,
    pairs: *const wgformer_text,
    count: usize,
    scores: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let classifier = &required(classifier, "classifier")?.classifier;
        // SAFETY: the caller passes as many texts of each, which stay as they are during the call.
        let inputs = unsafe { inputs(texts, pairs, count) }?;
        let shape = [count, classifier.labels().len()];
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let scores = unsafe { table(scores, capacity, shape, "scores") }?;
        write_scores(&classifier.classify(inputs)?, scores);
        Ok(())
    })
}

/// Each score to its label's place: `[texts, labels]`.
pub(super) fn write_scores(found: &[Vec<Label>], scores: &mut [MaybeUninit<f32>]) {
    for (row, labels) in found.iter().enumerate() {
        for label in labels {
            scores[row * labels.len() + label.index].write(label.score);
        }
    }
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_classifier_free(classifier: Option<Box<wgformer_classifier>>) {
    free(classifier);
}
