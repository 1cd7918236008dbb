//! What an embedder puts before every text.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, string};
use super::boundary::{Failure, guarded};
use super::embedder::wgformer_embedder;
use super::listing::Listing;
use super::status::wgformer_status;
use crate::tasks::Embedder;

/// The prompts that a model has, in the order of their names.
#[derive(Debug)]
pub struct wgformer_prompts(Listing<wgformer_prompt>);

/// What may be put before a text.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_prompt {
    /// Its name, such as `query`.
    pub name: *const c_char,
    /// What is put before a text; may be empty.
    pub text: *const c_char,
}

/// Lists the model's prompts; it may have none.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_prompts(
    embedder: Option<&wgformer_embedder>,
    prompts: Option<&mut MaybeUninit<Option<Box<wgformer_prompts>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(prompts, "prompts")?;
        let embedder = &required(embedder, "embedder")?.embedder;
        let mut listing = Listing::new();
        for (name, text) in embedder.prompts() {
            let row = wgformer_prompt {
                name: listing.string(name.clone()),
                text: listing.string(text.clone()),
            };
            listing.add(row);
        }
        *out = Some(Box::new(wgformer_prompts(listing)));
        Ok(())
    })
}

/// A handle to the same model with another of its prompts before every text. Nothing of the model is copied.
///
/// `name`: the prompt's, in UTF-8, ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_with_prompt(
    embedder: Option<&wgformer_embedder>,
    name: *const c_char,
    prompted: Option<&mut MaybeUninit<Option<Box<wgformer_embedder>>>>,
) -> wgformer_status {
    prompt(embedder, prompted, "prompted", |embedder| {
        // SAFETY: the caller passes a string that stays as it is during the call.
        Ok(embedder.with_prompt(unsafe { string(name, "name") }?)?)
    })
}

/// A handle to the same model for queries: with its prompt `query`, if it has one. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_for_queries(
    embedder: Option<&wgformer_embedder>,
    queries: Option<&mut MaybeUninit<Option<Box<wgformer_embedder>>>>,
) -> wgformer_status {
    prompt(embedder, queries, "queries", |it| Ok(it.for_queries()?))
}

/// A handle to the same model for what is searched: with the first there is of its prompts `document`, `passage` and
/// `corpus`. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_for_documents(
    embedder: Option<&wgformer_embedder>,
    documents: Option<&mut MaybeUninit<Option<Box<wgformer_embedder>>>>,
) -> wgformer_status {
    prompt(embedder, documents, "documents", |it| {
        Ok(it.for_documents()?)
    })
}

fn prompt(
    embedder: Option<&wgformer_embedder>,
    variable: Option<&mut MaybeUninit<Option<Box<wgformer_embedder>>>>,
    name: &str,
    prompted: impl FnOnce(&Embedder) -> Result<Embedder, Failure>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(variable, name)?;
        let own = required(embedder, "embedder")?;
        *out = Some(Box::new(own.with(prompted(&own.embedder)?)));
        Ok(())
    })
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_prompts_count(prompts: Option<&wgformer_prompts>) -> usize {
    prompts.map_or(0, |prompts| prompts.0.rows().len())
}

/// A prompt; null past the end.
///
/// `index`: its place, counted from 0. It and its strings are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_prompts_get(
    prompts: Option<&wgformer_prompts>,
    index: usize,
) -> Option<&wgformer_prompt> {
    prompts?.0.rows().get(index)
}

/// Frees the list and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_prompts_free(prompts: Option<Box<wgformer_prompts>>) {
    drop(prompts);
}
