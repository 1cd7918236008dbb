//! Texts to the sentences that stand for the others.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required};
use super::boundary::guarded;
use super::embedder::wgformer_embedder;
use super::listing::Listing;
use super::status::wgformer_status;
use super::texts::{text, wgformer_text};

/// Sentences of a text, the most central first.
#[derive(Debug)]
pub struct wgformer_sentences(Listing<wgformer_sentence>);

/// A sentence of a text that stands for others.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_sentence {
    /// Its place among the text's sentences, counted from 0.
    pub index: usize,
    /// How central it is: a share, of all sentences together 1.
    pub score: f32,
    /// The sentence, as it stands in the text.
    pub text: *const c_char,
}

/// Lists the `count` sentences of a text that are most alike to all others.
///
/// Sentences end where Unicode says that they do (Standard Annex 29). The work grows with the square of their number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_summarize(
    embedder: Option<&wgformer_embedder>,
    text: wgformer_text,
    count: usize,
    sentences: Option<&mut MaybeUninit<Option<Box<wgformer_sentences>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(sentences, "sentences")?;
        let embedder = required(embedder, "embedder")?.of_texts()?;
        // SAFETY: the caller passes a text that stays as it is during the call.
        let text = unsafe { self::text(text, "text") }?;
        let mut listing = Listing::new();
        for sentence in embedder.summarize(text, count)? {
            let row = wgformer_sentence {
                index: sentence.index,
                score: sentence.score,
                text: listing.string(sentence.text),
            };
            listing.add(row);
        }
        *out = Some(Box::new(wgformer_sentences(listing)));
        Ok(())
    })
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sentences_count(sentences: Option<&wgformer_sentences>) -> usize {
    sentences.map_or(0, |sentences| sentences.0.rows().len())
}

/// A sentence; null past the end.
///
/// `index`: its place, counted from 0. It and its strings are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sentences_get(
    sentences: Option<&wgformer_sentences>,
    index: usize,
) -> Option<&wgformer_sentence> {
    sentences?.0.rows().get(index)
}

/// Frees the list and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sentences_free(sentences: Option<Box<wgformer_sentences>>) {
    drop(sentences);
}
