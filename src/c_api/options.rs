//! How an embedder is loaded.

use super::arguments::required;
use super::boundary::{Failure, guarded};
use super::status::wgformer_status;
use crate::ops::Pooling;
use crate::tasks::EmbedderOptions;
use crate::tensor::WeightType;

/// How an embedder is loaded. Whatever is not set, the model's own files decide.
#[derive(Debug)]
pub struct wgformer_embedder_options(pub(super) EmbedderOptions);

/// What the elements of weight matrices are stored as on the device: one of WGFORMER_DTYPE_*.
pub type wgformer_dtype = i32;
/// 32-bit float; what is taken where nothing is set.
pub const WGFORMER_DTYPE_F32: wgformer_dtype = 0;
/// 16-bit float: half the memory.
pub const WGFORMER_DTYPE_F16: wgformer_dtype = 1;
/// 8-bit integers in linear layers, with a scale per output; 16-bit float in tables of embeddings.
pub const WGFORMER_DTYPE_INT8: wgformer_dtype = 2;

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
    set(options, |options| {
        options.model.weight_type = match dtype {
            WGFORMER_DTYPE_F32 => WeightType::F32,
            WGFORMER_DTYPE_F16 => WeightType::F16,
            WGFORMER_DTYPE_INT8 => WeightType::I8,
            other => return Err(unknown("dtype", other)),
        };
        Ok(())
    })
}

/// How tokens become one vector.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_pooling(
    options: Option<&mut wgformer_embedder_options>,
    pooling: wgformer_pooling,
) -> wgformer_status {
    set(options, |options| {
        options.pooling = Some(match pooling {
            WGFORMER_POOLING_MEAN => Pooling::Mean,
            WGFORMER_POOLING_MAX => Pooling::Max,
            WGFORMER_POOLING_CLS => Pooling::Cls,
            WGFORMER_POOLING_LAST => Pooling::Last,
            other => return Err(unknown("pooling", other)),
        });
        Ok(())
    })
}

/// Whether vectors are brought to length 1.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_normalize(
    options: Option<&mut wgformer_embedder_options>,
    normalize: bool,
) -> wgformer_status {
    set(options, |options| {
        options.normalize = Some(normalize);
        Ok(())
    })
}

/// The most tokens in one GPU batch, at least 1; a longer text goes alone. Where it is not set, the adapter decides.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_set_batch_tokens(
    options: Option<&mut wgformer_embedder_options>,
    batch_tokens: usize,
) -> wgformer_status {
    set(options, |options| {
        if batch_tokens == 0 {
            let message = "batch_tokens is 0, and has to be at least 1";
            return Err(Failure::invalid_argument(message.to_owned()));
        }
        options.model.batch_tokens = Some(batch_tokens);
        Ok(())
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_options_free(options: Option<Box<wgformer_embedder_options>>) {
    drop(options);
}

fn set(
    options: Option<&mut wgformer_embedder_options>,
    change: impl FnOnce(&mut EmbedderOptions) -> Result<(), Failure>,
) -> wgformer_status {
    guarded(|| change(&mut required(options, "options")?.0))
}

fn unknown(name: &str, value: i32) -> Failure {
    let names = name.to_uppercase();
    Failure::invalid_argument(format!("{name} is {value}, which is no WGFORMER_{names}_*"))
}
