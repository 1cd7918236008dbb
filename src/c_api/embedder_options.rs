//! How an embedder is loaded.

use std::ffi::c_char;

use super::arguments::string;
use super::model_options::{wgformer_dtype, with_batch_tokens, with_dtype};
use super::options::{set, unknown};
use super::status::wgformer_status;
use crate::ops::Pooling;
use crate::tasks::EmbedderOptions;

/// How an embedder is loaded. Whatever is not set, the model's own files decide.
#[derive(Debug)]
pub struct wgformer_embedder_options(pub(super) EmbedderOptions);

/// How the tokens of a text become one vector: one of WGFORMER_POOLING_*.
pub type wgformer_pooling = i32;
/// The mean over its tokens.
pub const WGFORMER_POOLING_MEAN: wgformer_pooling = 0;
/// The maximum over its tokens, column by column.
pub const WGFORMER_POOLING_MAX: wgformer_pooling = 1;
/// The first token.
pub const WGFORMER_POOLING_CLS: wgformer_pooling = 2;
/// The last token.
pub const WGFORMER_POOLING_LAST: wgformer_pooling = 3;
/// The sum over its tokens, divided by the root of their count.
pub const WGFORMER_POOLING_MEAN_SQRT_LEN: wgformer_pooling = 4;
/// The mean over its tokens, weighted by their places: the first has weight 1, the second 2, and so on.
pub const WGFORMER_POOLING_WEIGHTED_MEAN: wgformer_pooling = 5;

/// Options of which nothing is set; never null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_new() -> Box<wgformer_embedder_options> {
    Box::new(wgformer_embedder_options(EmbedderOptions::default()))
}

/// What weights are stored as on the device.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_dtype(
    options: Option<&mut wgformer_embedder_options>,
    dtype: wgformer_dtype,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        let model = with_dtype(it.model.clone(), dtype)?;
        Ok(it.model(model))
    })
}

/// How tokens become one vector.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_pooling(
    options: Option<&mut wgformer_embedder_options>,
    pooling: wgformer_pooling,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.pooling(match pooling {
            WGFORMER_POOLING_MEAN => Pooling::Mean,
            WGFORMER_POOLING_MAX => Pooling::Max,
            WGFORMER_POOLING_CLS => Pooling::Cls,
            WGFORMER_POOLING_LAST => Pooling::Last,
            WGFORMER_POOLING_MEAN_SQRT_LEN => Pooling::MeanSqrtLen,
            WGFORMER_POOLING_WEIGHTED_MEAN => Pooling::WeightedMean,
            other => return Err(unknown("pooling", other)),
        }))
    })
}

/// Whether vectors are brought to length 1; where it is not set, the model's files say so.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_normalize(
    options: Option<&mut wgformer_embedder_options>,
    normalize: bool,
) -> wgformer_status {
    set(
        options.map(|it| &mut it.0),
        |it| Ok(it.normalize(normalize)),
    )
}

/// Whether there is one vector per token instead of one per text, special tokens included, never normalised; they come
/// from wgformer_embedder_embeddings.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_per_token(
    options: Option<&mut wgformer_embedder_options>,
    per_token: bool,
) -> wgformer_status {
    set(
        options.map(|it| &mut it.0),
        |it| Ok(it.per_token(per_token)),
    )
}

/// The name of the prompt that is put before every text, one of those of wgformer_embedder_prompts, rather than the
/// model's default.
///
/// `name`: in UTF-8, ended by a NUL. Whether the model has it, loading finds out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_embedder_options_set_prompt(
    options: Option<&mut wgformer_embedder_options>,
    name: *const c_char,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        // SAFETY: the caller passes a string that stays as it is during the call.
        Ok(it.prompt(unsafe { string(name, "name") }?))
    })
}

/// How many of a vector's elements are kept, the first ones, at least 1: for models that were trained for it
/// ("Matryoshka"). What had length 1 has it again only if wgformer_embedder_options_set_normalize asks for it. Whether vectors
/// have so many, loading finds out.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_dimensions(
    options: Option<&mut wgformer_embedder_options>,
    dimensions: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.dimensions(dimensions))
    })
}

/// Whether a text that is longer than the model takes is an error that names it; where it is not set, it is cut.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_refuse_long_texts(
    options: Option<&mut wgformer_embedder_options>,
    refuse_long_texts: bool,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.refuse_long_texts(refuse_long_texts))
    })
}

/// The most tokens in one GPU batch, at least 1; a longer text goes alone. Where it is not set, the adapter decides.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_batch_tokens(
    options: Option<&mut wgformer_embedder_options>,
    batch_tokens: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        let model = with_batch_tokens(it.model.clone(), batch_tokens)?;
        Ok(it.model(model))
    })
}

/// The most bytes that the model may take on the device, as wgformer_model_options_set_memory_budget has it.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_memory_budget(
    options: Option<&mut wgformer_embedder_options>,
    memory_budget: u64,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        let model = it.model.clone().memory_budget(memory_budget);
        Ok(it.model(model))
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_free(options: Option<Box<wgformer_embedder_options>>) {
    drop(options);
}
