//! How an embedder is loaded.

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
            other => return Err(unknown("pooling", other)),
        }))
    })
}

/// Whether vectors are brought to length 1.
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

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_free(options: Option<Box<wgformer_embedder_options>>) {
    drop(options);
}
