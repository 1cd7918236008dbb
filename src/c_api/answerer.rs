//! Questions to their answers in a context.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::answer_options::wgformer_answer_options;
use super::arguments::{cleared, required};
use super::boundary::{free, guarded};
use super::gpu::wgformer_gpu;
use super::listing::Listing;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::texts::{texts, wgformer_text};
use crate::tasks::{Answer, AnswerOptions, Answerer};

/// A model that finds the answer to a question in a text, its context, with its tokenizer.
#[derive(Debug)]
pub struct wgformer_answerer(pub(super) Answerer);

/// The answers to some questions, one question after another, and to each the best first.
#[derive(Debug)]
pub struct wgformer_answers(Listing<wgformer_answer>);

/// A part of a context that may answer the question.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_answer {
    /// The place of its question, counted from 0.
    pub index: usize,
    /// Its first character, counted in characters (code points), not bytes, from the start of the context; of the same
    /// text in several places, one of them.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// How sure the model is of it. Scores of the same text, but for upper and lower case, are added up, so that the sum
    /// may exceed 1.
    pub score: f32,
    /// The context from `start` to `end`; empty where it says that there is no answer.
    pub text: *const c_char,
}

/// Loads a Hugging Face directory with a head for question answering.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_answerer_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    answerer: Option<&mut MaybeUninit<Option<Box<wgformer_answerer>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(answerer, "answerer")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let answerer = unsafe { loaded(gpu, directory, options, Answerer::load) }?;
        *out = Some(Box::new(wgformer_answerer(answerer)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answerer_clone(
    answerer: Option<&wgformer_answerer>,
) -> Option<Box<wgformer_answerer>> {
    answerer.map(|answerer| Box::new(wgformer_answerer(answerer.0.clone())))
}

/// Lists the answers to some questions, of which each has the context at its place. There is none in a context without a
/// word. A context is read as a whole, however long it is.
///
/// `options`: null for the defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_answerer_answer(
    answerer: Option<&wgformer_answerer>,
    questions: *const wgformer_text,
    contexts: *const wgformer_text,
    count: usize,
    options: Option<&wgformer_answer_options>,
    answers: Option<&mut MaybeUninit<Option<Box<wgformer_answers>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(answers, "answers")?;
        let answerer = &required(answerer, "answerer")?.0;
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        let questions = unsafe { texts(questions, count, "questions") }?;
        // SAFETY: the same of their contexts.
        let contexts = unsafe { texts(contexts, count, "contexts") }?;
        let default = AnswerOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        let found = answerer.answer(questions.into_iter().zip(contexts), options)?;
        *out = Some(Box::new(wgformer_answers(listed(found))));
        Ok(())
    })
}

fn listed(found: Vec<Vec<Answer>>) -> Listing<wgformer_answer> {
    let mut listing = Listing::new();
    for (index, answers) in found.into_iter().enumerate() {
        for answer in answers {
            let row = wgformer_answer {
                index,
                start: answer.start,
                end: answer.end,
                score: answer.score,
                text: listing.string(answer.text),
            };
            listing.add(row);
        }
    }
    listing
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answerer_free(answerer: Option<Box<wgformer_answerer>>) {
    free(answerer);
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answers_count(answers: Option<&wgformer_answers>) -> usize {
    answers.map_or(0, |answers| answers.0.rows().len())
}

/// An answer; null past the end.
///
/// `index`: its place, counted from 0. It and its strings are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answers_get(
    answers: Option<&wgformer_answers>,
    index: usize,
) -> Option<&wgformer_answer> {
    answers?.0.rows().get(index)
}

/// Frees the list and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answers_free(answers: Option<Box<wgformer_answers>>) {
    drop(answers);
}
