//! Masked words to what could stand there.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required};
use super::boundary::{free, guarded};
use super::gpu::wgformer_gpu;
use super::listing::Listing;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::status::wgformer_status;
use super::texts::{inputs, wgformer_text};
use crate::tasks::{Filler, Filling};

/// A model that says what could stand where a text has the mask token, `[MASK]` or `<mask>`, with its tokenizer.
#[derive(Debug)]
pub struct wgformer_filler(pub(super) Filler);

/// What could stand at the masks of some texts, one mask after another, and at each the likeliest first.
#[derive(Debug)]
pub struct wgformer_fillings(Listing<wgformer_filling>);

/// What could stand at a mask.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_filling {
    /// The place of its text or pair, counted from 0.
    pub index: usize,
    /// Which of the text's masks, counted from 0; those of a second text follow those of the first.
    pub mask: usize,
    /// The token's place in the vocabulary.
    pub id: u32,
    /// Its probability.
    pub score: f32,
    /// The token, as text.
    pub token: *const c_char,
}

/// Loads a Hugging Face directory with a head that predicts tokens.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_filler_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    filler: Option<&mut MaybeUninit<Option<Box<wgformer_filler>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(filler, "filler")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let filler = unsafe { loaded(gpu, directory, options, Filler::load) }?;
        *out = Some(Box::new(wgformer_filler(filler)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_filler_clone(
    filler: Option<&wgformer_filler>,
) -> Option<Box<wgformer_filler>> {
    filler.map(|filler| Box::new(wgformer_filler(filler.0.clone())))
}

/// Lists for each mask of some texts the `top` likeliest tokens. A text without a mask is an error.
///
/// `pairs`: null, or as many texts, of which each is read together with that of `texts` at its place; either may have masks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_filler_fill(
    filler: Option<&wgformer_filler>,
    texts: *const wgformer_text,
    pairs: *const wgformer_text,
    count: usize,
    top: usize,
    fillings: Option<&mut MaybeUninit<Option<Box<wgformer_fillings>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(fillings, "fillings")?;
        let filler = &required(filler, "filler")?.0;
        // SAFETY: the caller passes as many texts of each, which stay as they are during the call.
        let texts = unsafe { inputs(texts, pairs, count) }?;
        let mut listing = Listing::new();
        for (index, text) in texts.into_iter().enumerate() {
            let masks = filler.fill(text, top);
            let masks = masks.map_err(|error| error.of_text(index))?;
            add(&mut listing, index, masks);
        }
        *out = Some(Box::new(wgformer_fillings(listing)));
        Ok(())
    })
}

fn add(listing: &mut Listing<wgformer_filling>, index: usize, masks: Vec<Vec<Filling>>) {
    for (mask, fillings) in masks.into_iter().enumerate() {
        for filling in fillings {
            let row = wgformer_filling {
                index,
                mask,
                id: filling.id,
                score: filling.score,
                token: listing.string(filling.token),
            };
            listing.add(row);
        }
    }
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_filler_free(filler: Option<Box<wgformer_filler>>) {
    free(filler);
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_fillings_count(fillings: Option<&wgformer_fillings>) -> usize {
    fillings.map_or(0, |fillings| fillings.0.rows().len())
}

/// What could stand at a mask; null past the end.
///
/// `index`: its place, counted from 0. It and its strings are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_fillings_get(
    fillings: Option<&wgformer_fillings>,
    index: usize,
) -> Option<&wgformer_filling> {
    fillings?.0.rows().get(index)
}

/// Frees the list and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_fillings_free(fillings: Option<Box<wgformer_fillings>>) {
    drop(fillings);
}
