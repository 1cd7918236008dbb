//! Texts as C passes them.

use std::ffi::c_char;

use super::arguments::{array, utf8};
use super::boundary::Failure;
use crate::text::Text;

/// A text in UTF-8. It needs no NUL at its end, and may hold some.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wgformer_text {
    /// Its bytes; may be null where there are none.
    pub data: *const c_char,
    /// How many they are.
    pub length: usize,
}

/// One text.
///
/// # Safety
/// As [`array()`], of its bytes.
pub(super) unsafe fn text<'a>(text: wgformer_text, name: &str) -> Result<&'a str, Failure> {
    // SAFETY: as the caller says.
    let bytes = unsafe { array(text.data.cast::<u8>(), text.length, name) }?;
    utf8(bytes, name)
}

/// An array of texts.
///
/// # Safety
/// As [`array()`], of the texts and of the bytes of each.
pub(super) unsafe fn texts<'a>(
    pointer: *const wgformer_text,
    count: usize,
    name: &str,
) -> Result<Vec<&'a str>, Failure> {
    // SAFETY: as the caller says.
    let texts = unsafe { array(pointer, count, name) }?.iter().enumerate();
    let texts = texts.map(|(place, one)| {
        // SAFETY: the same of their bytes.
        unsafe { text(*one, &format!("{name}[{place}]")) }
    });
    texts.collect()
}

/// An array of texts, each of which is read together with that of `pairs` at its place, unless that is null.
///
/// # Safety
/// As [`texts`], of both.
pub(super) unsafe fn inputs<'a>(
    pointer: *const wgformer_text,
    pairs: *const wgformer_text,
    count: usize,
) -> Result<Vec<Text<'a>>, Failure> {
    // SAFETY: as the caller says.
    let texts = unsafe { texts(pointer, count, "texts") }?.into_iter();
    if pairs.is_null() {
        return Ok(texts.map(Text::One).collect());
    }
    // SAFETY: the same of their seconds.
    let pairs = unsafe { self::texts(pairs, count, "pairs") }?;
    Ok(texts.zip(pairs).map(Text::from).collect())
}
