//! How models are loaded.

use std::ffi::c_char;

use super::arguments::{required, string};
use super::boundary::Failure;
use super::gpu::wgformer_gpu;
use crate::error::Result as Outcome;
use crate::gpu::Gpu;

/// What `load` makes of a directory, with its default options where there are none.
///
/// # Safety
/// As [`string`], of `directory`.
pub(super) unsafe fn loaded<'a, M, O: Default>(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&O>,
    load: impl FnOnce(&Gpu, &'a str, &O) -> Outcome<M>,
) -> Result<M, Failure> {
    let gpu = &required(gpu, "gpu")?.gpu;
    // SAFETY: as the caller says.
    let directory = unsafe { string(directory, "directory") }?;
    let default = O::default();
    Ok(load(gpu, directory, options.unwrap_or(&default))?)
}
