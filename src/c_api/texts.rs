//! Texts as C passes them.

use std::ffi::c_char;

use super::arguments::{array, utf8};
use super::boundary::Failure;

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
