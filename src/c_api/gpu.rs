//! The device that models are loaded on.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use super::arguments::{cleared, string};
use super::boundary::{Failure, c_string, free, guarded};
use super::status::wgformer_status;
use crate::gpu::{AdapterChoice, Gpu};

/// A device with what was compiled for it.
#[derive(Debug)]
pub struct wgformer_gpu {
    pub(super) gpu: Gpu,
    description: CString,
}

/// A device of the best adapter, or of the one that the environment variables WGPU_BACKEND and WGPU_ADAPTER_NAME name.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_gpu_new(
    gpu: Option<&mut MaybeUninit<Option<Box<wgformer_gpu>>>>,
) -> wgformer_status {
    guarded(|| open(gpu, || Ok(AdapterChoice::from_env())))
}

/// A device of the best adapter whose name contains `name`, in whatever case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_gpu_new_named(
    name: *const c_char,
    gpu: Option<&mut MaybeUninit<Option<Box<wgformer_gpu>>>>,
) -> wgformer_status {
    guarded(|| {
        open(gpu, || {
            // SAFETY: the caller passes a string that stays as it is during the call.
            match unsafe { string(name, "name") }? {
                "" => Err(Failure::invalid_argument("name is empty".to_owned())),
                name => Ok(AdapterChoice::Named(name.to_owned())),
            }
        })
    })
}

/// A device of the adapter at `index`, its place in the list of wgformer_adapters_new.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_gpu_new_at(
    index: usize,
    gpu: Option<&mut MaybeUninit<Option<Box<wgformer_gpu>>>>,
) -> wgformer_status {
    guarded(|| open(gpu, || Ok(AdapterChoice::Index(index))))
}

fn open(
    gpu: Option<&mut MaybeUninit<Option<Box<wgformer_gpu>>>>,
    choice: impl FnOnce() -> Result<AdapterChoice, Failure>,
) -> Result<(), Failure> {
    let out = cleared(gpu, "gpu")?;
    let gpu = Gpu::open(&choice()?)?;
    let description = c_string(gpu.capabilities().to_string());
    *out = Some(Box::new(wgformer_gpu { gpu, description }));
    Ok(())
}

/// Its adapter's name, back end, kind and driver, for people to read; null for null. The string is the handle's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_gpu_description(gpu: Option<&wgformer_gpu>) -> *const c_char {
    gpu.map_or(ptr::null(), |gpu| gpu.description.as_ptr())
}

/// Frees the handle; null is ignored. Models that were loaded on it keep what they need.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_gpu_free(gpu: Option<Box<wgformer_gpu>>) {
    free(gpu);
}
