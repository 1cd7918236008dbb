//! How a model is loaded, whatever it is for.

use super::boundary::Failure;
use super::options::{set, unknown};
use super::status::wgformer_status;
use crate::models::ModelOptions;
use crate::tensor::WeightType;

/// How a model is loaded, for every task but embeddings, whose wgformer_embedder_options say it too.
#[derive(Debug)]
pub struct wgformer_model_options(pub(super) ModelOptions);

/// What the elements of weight matrices are stored as on the device: one of WGFORMER_DTYPE_*.
pub type wgformer_dtype = i32;
/// 32-bit float; what is taken where nothing is set.
pub const WGFORMER_DTYPE_F32: wgformer_dtype = 0;
/// 16-bit float: half the memory.
pub const WGFORMER_DTYPE_F16: wgformer_dtype = 1;
/// 8-bit integers in linear layers, with a scale per output; 16-bit float in tables of embeddings.
pub const WGFORMER_DTYPE_INT8: wgformer_dtype = 2;

/// Options of which nothing is set; never null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_model_options_new() -> Box<wgformer_model_options> {
    Box::new(wgformer_model_options(ModelOptions::default()))
}

/// What weights are stored as on the device.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_model_options_set_dtype(
    options: Option<&mut wgformer_model_options>,
    dtype: wgformer_dtype,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| with_dtype(it, dtype))
}

/// The most tokens in one GPU batch, at least 1; a longer text goes alone. Where it is not set, the adapter decides.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_model_options_set_batch_tokens(
    options: Option<&mut wgformer_model_options>,
    batch_tokens: usize,
) -> wgformer_status {
    let options = options.map(|it| &mut it.0);
    set(options, |it| with_batch_tokens(it, batch_tokens))
}

/// The most bytes that the model may take on the device, its weights and all calls that are under way; without bound where
/// it is not set. Batches become smaller, and calls wait for one another; a model that does not fit is refused.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_model_options_set_memory_budget(
    options: Option<&mut wgformer_model_options>,
    memory_budget: u64,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.memory_budget(memory_budget))
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_model_options_free(options: Option<Box<wgformer_model_options>>) {
    drop(options);
}

pub(super) fn with_dtype(
    options: ModelOptions,
    dtype: wgformer_dtype,
) -> Result<ModelOptions, Failure> {
    Ok(options.weight_type(weight_type(dtype)?))
}

pub(super) fn weight_type(dtype: wgformer_dtype) -> Result<WeightType, Failure> {
    match dtype {
        WGFORMER_DTYPE_F32 => Ok(WeightType::F32),
        WGFORMER_DTYPE_F16 => Ok(WeightType::F16),
        WGFORMER_DTYPE_INT8 => Ok(WeightType::I8),
        other => Err(unknown("dtype", other)),
    }
}

pub(super) fn with_batch_tokens(
    options: ModelOptions,
    batch_tokens: usize,
) -> Result<ModelOptions, Failure> {
    if batch_tokens == 0 {
        let message = "batch_tokens is 0, and has to be at least 1";
        return Err(Failure::invalid_argument(message.to_owned()));
    }
    Ok(options.batch_tokens(batch_tokens))
}
