//! What is asked of a model about any labels.

use super::options::set;
use super::status::wgformer_status;
use super::texts::{text, wgformer_text};
use crate::tasks::ZeroShotOptions;

/// What is asked of a model about any labels.
#[derive(Debug)]
pub struct wgformer_zero_shot_options(pub(super) ZeroShotOptions);

/// Options of which nothing is set; never null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_options_new() -> Box<wgformer_zero_shot_options> {
    Box::new(wgformer_zero_shot_options(ZeroShotOptions::default()))
}

/// Whether any number of labels may be right, each with a probability of its own, rather than one of them.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_options_set_multi_label(
    options: Option<&mut wgformer_zero_shot_options>,
    multi_label: bool,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.multi_label(multi_label))
    })
}

/// The sentence that is to follow from the text, with `{}` where the label is to stand; `This example is {}.` where it is
/// not set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_zero_shot_options_set_template(
    options: Option<&mut wgformer_zero_shot_options>,
    template: wgformer_text,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        // SAFETY: the caller passes a text that stays as it is during the call.
        Ok(it.template(unsafe { text(template, "template") }?))
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_options_free(
    options: Option<Box<wgformer_zero_shot_options>>,
) {
    drop(options);
}
