//! How answers are looked for.

use super::options::set;
use super::status::wgformer_status;
use crate::tasks::AnswerOptions;

/// How answers are looked for; the names are those of transformers.
#[derive(Debug)]
pub struct wgformer_answer_options(pub(super) AnswerOptions);

/// Options of which nothing is set; never null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_new() -> Box<wgformer_answer_options> {
    Box::new(wgformer_answer_options(AnswerOptions::default()))
}

/// The most answers to a question, 1 where it is not set.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_set_top_k(
    options: Option<&mut wgformer_answer_options>,
    top_k: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| Ok(it.top_k(top_k)))
}

/// The longest answer, in tokens, before it is brought to whole words; 15 where it is not set.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_set_max_answer_len(
    options: Option<&mut wgformer_answer_options>,
    max_answer_len: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.max_answer_len(max_answer_len))
    })
}

/// The most tokens of question and context together, special tokens included: 384 where it is not set, and never more
/// than the model takes. A longer context is read in parts.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_set_max_seq_len(
    options: Option<&mut wgformer_answer_options>,
    max_seq_len: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.max_seq_len(max_seq_len))
    })
}

/// How many tokens of a context are in one part and in the next too: 128 where it is not set, or half of the length of a
/// part if that is less.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_set_doc_stride(
    options: Option<&mut wgformer_answer_options>,
    doc_stride: usize,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.doc_stride(doc_stride))
    })
}

/// Whether one answer is the empty one, from 0 to 0, with the score that there is none in the context; where it is not
/// set, not.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_set_handle_impossible_answer(
    options: Option<&mut wgformer_answer_options>,
    handle_impossible_answer: bool,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.handle_impossible_answer(handle_impossible_answer))
    })
}

/// Whether an answer begins and ends with whole words, as it does where it is not set.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_set_align_to_words(
    options: Option<&mut wgformer_answer_options>,
    align_to_words: bool,
) -> wgformer_status {
    set(options.map(|it| &mut it.0), |it| {
        Ok(it.align_to_words(align_to_words))
    })
}

/// Frees the options; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answer_options_free(options: Option<Box<wgformer_answer_options>>) {
    drop(options);
}
