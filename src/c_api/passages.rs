//! A long text to parts that a model takes whole.

use std::mem::MaybeUninit;

use super::arguments::{cleared, required};
use super::boundary::guarded;
use super::embedder::wgformer_embedder;
use super::listing::Listing;
use super::status::wgformer_status;
use super::texts::{text, wgformer_text};

/// Parts of a text that a model takes whole, in the text's order.
#[derive(Debug)]
pub struct wgformer_passages(Listing<wgformer_passage>);

/// A part of a text that is not longer than a model takes.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_passage {
    /// Its first character, counted in characters (code points), not bytes, from the start of the text.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// What it says, for wgformer_embedder_embed as it is. No NUL ends it: `%.*s` prints it.
    pub text: wgformer_text,
}

/// Lists the parts of a text that the model takes whole, prompt included, each of which shares about `overlap` tokens with
/// the next: whole words, where a word is not longer than all that the model takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_passages(
    embedder: Option<&wgformer_embedder>,
    text: wgformer_text,
    overlap: usize,
    passages: Option<&mut MaybeUninit<Option<Box<wgformer_passages>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(passages, "passages")?;
        let embedder = &required(embedder, "embedder")?.embedder;
        // SAFETY: the caller passes a text that stays as it is during the call.
        let text = unsafe { self::text(text, "text") }?;
        let mut listing = Listing::new();
        for passage in embedder.passages(text, overlap)? {
            let bytes = listing.array(passage.text.as_bytes().to_vec());
            listing.add(wgformer_passage {
                start: passage.start,
                end: passage.end,
                text: wgformer_text {
                    data: bytes.cast(),
                    length: passage.text.len(),
                },
            });
        }
        *out = Some(Box::new(wgformer_passages(listing)));
        Ok(())
    })
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_passages_count(passages: Option<&wgformer_passages>) -> usize {
    passages.map_or(0, |passages| passages.0.rows().len())
}

/// A passage; null past the end.
///
/// `index`: its place, counted from 0. It and its text are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_passages_get(
    passages: Option<&wgformer_passages>,
    index: usize,
) -> Option<&wgformer_passage> {
    passages?.0.rows().get(index)
}

/// Frees the list and its texts; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_passages_free(passages: Option<Box<wgformer_passages>>) {
    drop(passages);
}
