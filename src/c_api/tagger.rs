//! Texts to what they name.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required};
use super::boundary::{free, guarded};
use super::gpu::wgformer_gpu;
use super::listing::Listing;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::tag_options::wgformer_tag_options;
use super::texts::{inputs, wgformer_text};
use crate::tasks::{Entity, TagOptions, Tagger};

/// A model that labels the tokens of a text, with its tokenizer.
#[derive(Debug)]
pub struct wgformer_tagger(pub(super) Tagger);

/// The entities of some texts, one text after another, and of each in its order.
#[derive(Debug)]
pub struct wgformer_entities(Listing<wgformer_entity>);

/// A part of a text, and what it is.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_entity {
    /// The place of its text or pair, counted from 0.
    pub index: usize,
    /// Which of a pair of texts it is of, 0 for the first and 1 for the second; 0 of a single text.
    pub sequence: usize,
    /// Its first character, counted in characters (code points), not bytes, from the start of the text.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// How sure the model is of it, from 0 to 1.
    pub score: f32,
    /// Its label's name, without B- and I- unless tokens are for themselves.
    pub label: *const c_char,
    /// The text from `start` to `end`.
    pub text: *const c_char,
}

/// Loads a Hugging Face directory with a head for token classification.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_tagger_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    tagger: Option<&mut MaybeUninit<Option<Box<wgformer_tagger>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(tagger, "tagger")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let tagger = unsafe { loaded(gpu, directory, options, Tagger::load) }?;
        *out = Some(Box::new(wgformer_tagger(tagger)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tagger_clone(
    tagger: Option<&wgformer_tagger>,
) -> Option<Box<wgformer_tagger>> {
    tagger.map(|tagger| Box::new(wgformer_tagger(tagger.0.clone())))
}

/// Lists the entities of some texts.
///
/// `pairs`: null, or as many texts, of which each is read together with that of `texts` at its place, and tagged too.
/// `options`: null for the defaults. What is longer than the model takes is cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_tagger_tag(
    tagger: Option<&wgformer_tagger>,
    texts: *const wgformer_text,
    pairs: *const wgformer_text,
    count: usize,
    options: Option<&wgformer_tag_options>,
    entities: Option<&mut MaybeUninit<Option<Box<wgformer_entities>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(entities, "entities")?;
        let tagger = &required(tagger, "tagger")?.0;
        // SAFETY: the caller passes as many texts of each, which stay as they are during the call.
        let texts = unsafe { inputs(texts, pairs, count) }?;
        let default = TagOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        let found = tagger.tag(&texts, options)?;
        *out = Some(Box::new(wgformer_entities(listed(found))));
        Ok(())
    })
}

fn listed(found: Vec<Vec<Entity>>) -> Listing<wgformer_entity> {
    let mut listing = Listing::new();
    for (index, entities) in found.into_iter().enumerate() {
        for entity in entities {
            let row = wgformer_entity {
                index,
                sequence: entity.sequence,
                start: entity.start,
                end: entity.end,
                score: entity.score,
                label: listing.string(entity.label),
                text: listing.string(entity.text),
            };
            listing.add(row);
        }
    }
    listing
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tagger_free(tagger: Option<Box<wgformer_tagger>>) {
    free(tagger);
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_entities_count(entities: Option<&wgformer_entities>) -> usize {
    entities.map_or(0, |entities| entities.0.rows().len())
}

/// An entity; null past the end.
///
/// `index`: its place, counted from 0. It and its strings are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_entities_get(
    entities: Option<&wgformer_entities>,
    index: usize,
) -> Option<&wgformer_entity> {
    entities?.0.rows().get(index)
}

/// Frees the list and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_entities_free(entities: Option<Box<wgformer_entities>>) {
    drop(entities);
}
