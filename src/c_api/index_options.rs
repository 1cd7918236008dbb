//! How an index compares vectors and stores them.

use super::boundary::Failure;
use super::model_options::{weight_type, wgformer_dtype};
use super::options::{set, unknown};
use super::status::wgformer_status;
use crate::index::{IndexOptions, Metric};

/// How an index compares vectors and stores them.
#[derive(Debug)]
pub struct wgformer_index_options(pub(super) IndexOptions);

/// What says how near two vectors are: one of WGFORMER_METRIC_*.
pub type wgformer_metric = i32;
/// The cosine of the angle between them, from -1 to 1; 0 if either is all zeros.
pub const WGFORMER_METRIC_COSINE: wgformer_metric = 0;
/// The sum of the products of their elements, which is the cosine where both have length 1.
pub const WGFORMER_METRIC_DOT_PRODUCT: wgformer_metric = 1;

/// Options of which nothing is set; never null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_options_new() -> Box<wgformer_index_options> {
    Box::new(wgformer_index_options(IndexOptions::default()))
}

/// What scores are; where it is not set, the cosine, or what a file that is loaded says.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_options_set_metric(
    options: Option<&mut wgformer_index_options>,
    metric: wgformer_metric,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.metric(metric_of(metric)?))
    })
}

/// What vectors are stored as on the device, one of WGFORMER_DTYPE_*. With f16 and int8 they take a half and a quarter of
/// the memory, and scores are those of the rounded vectors.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_options_set_dtype(
    options: Option<&mut wgformer_index_options>,
    dtype: wgformer_dtype,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.weight_type(weight_type(dtype)?))
    })
}

/// The most bytes that the index may take on the device, its vectors and all searches that are under way; without bound
/// where it is not set. Fewer queries run at once, and searches wait for one another; vectors and searches that do not
/// fit are refused.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_options_set_memory_budget(
    options: Option<&mut wgformer_index_options>,
    memory_budget: u64,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.memory_budget(memory_budget))
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_options_free(options: Option<Box<wgformer_index_options>>) {
    drop(options);
}

fn metric_of(number: wgformer_metric) -> Result<Metric, Failure> {
    match number {
        WGFORMER_METRIC_COSINE => Ok(Metric::Cosine),
        WGFORMER_METRIC_DOT_PRODUCT => Ok(Metric::DotProduct),
        other => Err(unknown("metric", other)),
    }
}

pub(super) fn number_of(metric: Metric) -> wgformer_metric {
    match metric {
        Metric::Cosine => WGFORMER_METRIC_COSINE,
        Metric::DotProduct => WGFORMER_METRIC_DOT_PRODUCT,
    }
}
