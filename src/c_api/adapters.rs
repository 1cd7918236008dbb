//! Which adapters there are.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use super::arguments::cleared;
use super::boundary::{c_string, guarded};
use super::status::wgformer_status;
use crate::gpu::Gpu;

/// The adapters that a GPU can be made on, best first.
#[derive(Debug)]
pub struct wgformer_adapters(Vec<CString>);

/// Lists the adapters of the back ends that the environment variable WGPU_BACKEND allows; there may be none.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_adapters_new(
    adapters: Option<&mut MaybeUninit<Option<Box<wgformer_adapters>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(adapters, "adapters")?;
        let there = Gpu::adapters().into_iter();
        let descriptions = there.map(|adapter| c_string(adapter.to_string()));
        *out = Some(Box::new(wgformer_adapters(descriptions.collect())));
        Ok(())
    })
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_adapters_count(adapters: Option<&wgformer_adapters>) -> usize {
    adapters.map_or(0, |adapters| adapters.0.len())
}

/// An adapter's name, back end, kind and driver, for people to read; null past the end.
///
/// `index`: its place, counted from 0. The string is the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_adapters_description(
    adapters: Option<&wgformer_adapters>,
    index: usize,
) -> *const c_char {
    let description = adapters.and_then(|adapters| adapters.0.get(index));
    description.map_or(ptr::null(), |description| description.as_ptr())
}

/// Frees the list and its strings; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_adapters_free(adapters: Option<Box<wgformer_adapters>>) {
    drop(adapters);
}
