//! What becomes of the tags of tokens.

use super::options::{set, unknown};
use super::status::wgformer_status;
use super::texts::{texts, wgformer_text};
use crate::tasks::{Aggregation, TagOptions};

/// What becomes of the tags of tokens.
#[derive(Debug)]
pub struct wgformer_tag_options(pub(super) TagOptions);

/// How tags of tokens become entities, as transformers has it: one of WGFORMER_AGGREGATION_*.
pub type wgformer_aggregation = i32;
/// Each token is for itself, under its label as it is, such as B-PER.
pub const WGFORMER_AGGREGATION_NONE: wgformer_aggregation = 0;
/// Neighbours with the same label become one entity, which B- begins anew; what is taken where nothing is set.
pub const WGFORMER_AGGREGATION_SIMPLE: wgformer_aggregation = 1;
/// As simple, but all tokens of a word have the label of its first.
pub const WGFORMER_AGGREGATION_FIRST: wgformer_aggregation = 2;
/// As simple, but all tokens of a word have the label whose mean score is best.
pub const WGFORMER_AGGREGATION_AVERAGE: wgformer_aggregation = 3;
/// As simple, but all tokens of a word have the label with the best score of all.
pub const WGFORMER_AGGREGATION_MAX: wgformer_aggregation = 4;

/// Options of which nothing is set; never null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tag_options_new() -> Box<wgformer_tag_options> {
    Box::new(wgformer_tag_options(TagOptions::default()))
}

/// How tags of tokens become entities.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tag_options_set_aggregation(
    options: Option<&mut wgformer_tag_options>,
    aggregation: wgformer_aggregation,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.aggregation(match aggregation {
            WGFORMER_AGGREGATION_NONE => Aggregation::None,
            WGFORMER_AGGREGATION_SIMPLE => Aggregation::Simple,
            WGFORMER_AGGREGATION_FIRST => Aggregation::First,
            WGFORMER_AGGREGATION_AVERAGE => Aggregation::Average,
            WGFORMER_AGGREGATION_MAX => Aggregation::Max,
            other => return Err(unknown("aggregation", other)),
        }))
    })
}

/// The labels that are left out, as an entity has them; O where it is not set.
///
/// `labels`: as many as `count`, which may be 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_tag_options_set_ignore_labels(
    options: Option<&mut wgformer_tag_options>,
    labels: *const wgformer_text,
    count: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        Ok(it.ignore_labels(unsafe { texts(labels, count, "labels") }?))
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tag_options_free(options: Option<Box<wgformer_tag_options>>) {
    drop(options);
}
