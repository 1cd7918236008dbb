//! A question with a context that is longer than a model takes: parts of the context, which overlap.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::text::{Encoding, TokenOrigin, Tokens};

/// A question and its whole context as the tokenizer has them: the question between special tokens, the context, and
/// special tokens again.
pub(super) struct Paired {
    encoding: Encoding,
    /// The tokens of the context.
    context: Range<usize>,
}

/// The question with a part of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Which question.
    pub(super) question: usize,
    /// Of all the question's and the context's tokens those of the part.
    pub(super) part: Range<usize>,
}

impl Paired {
    pub(super) fn new(encoding: Encoding) -> Self {
        let is_context = |origin: &TokenOrigin| origin.sequence_id == Some(1);
        let origins = &encoding.origins;
        let end = origins.len();
        let start = origins.iter().position(is_context).unwrap_or(end);
        let last = origins.iter().rposition(is_context);
        Self {
            context: start..last.map_or(end, |last| last + 1),
            encoding,
        }
    }

    /// Parts that each have room in `max_tokens` beside question `question`, and share `stride` tokens with the next.
    ///
    /// # Errors
    /// [`Error::Limit`] where the question leaves no room for more than the overlap.
    pub(super) fn windows(
        &self,
        question: usize,
        max_tokens: usize,
        stride: usize,
    ) -> Result<Vec<Window>> {
        let whole = self.context.clone();
        let beside = self.encoding.origins.len() - whole.len();
        if beside + whole.len() <= max_tokens {
            return Ok(vec![Window {
                question,
                part: whole,
            }]);
        }
        let needed = beside.saturating_add(stride).saturating_add(1);
        if needed > max_tokens {
            return Err(Error::Limit {
                thing: format!(
                    "question {question}, whose context does not fit, with special tokens and an overlap of {stride}"
                ),
                needed: needed as u64,
                allowed: max_tokens as u64,
                unit: "tokens",
                advice: "ask a shorter question, or set a smaller `doc_stride`",
            });
        }
        let room = max_tokens - beside;
        let step = room - stride;
        let count = 1 + (whole.len() - room).div_ceil(step);
        let starts = (0..count).map(|place| whole.start + place * step);
        let windows = starts.map(|start| Window {
            question,
            part: start..whole.end.min(start + room),
        });
        Ok(windows.collect())
    }

    /// What a model reads of a part.
    pub(super) fn tokens(&self, part: &Range<usize>) -> Tokens {
        let Tokens { ids, types, .. } = &self.encoding.tokens;
        Tokens {
            ids: self.around(ids, part),
            types: self.around(types, part),
            is_cut: part.len() < self.context.len(),
            expansion: 0,
        }
    }

    /// The place of a part among its window's tokens.
    pub(super) fn place(&self, part: &Range<usize>) -> Range<usize> {
        self.context.start..self.context.start + part.len()
    }

    /// Where a part's tokens come from.
    pub(super) fn origins(&self, part: &Range<usize>) -> Vec<TokenOrigin> {
        self.around(&self.encoding.origins, part)
    }

    fn around<T: Copy>(&self, whole: &[T], part: &Range<usize>) -> Vec<T> {
        let (before, after) = (&whole[..self.context.start], &whole[self.context.end..]);
        [before, &whole[part.clone()], after].concat()
    }
}

#[cfg(test)]
mod tests {

    use super::{Paired, Window};
    use crate::error::Result;
    use crate::text::{Encoding, TokenOrigin, Tokens};

    /// A question of three tokens and a context: `[CLS] q q q [SEP] c ... [SEP]`.
    fn paired(context: usize) -> Paired {
        let sequence = |place: usize| match place {
            1..=3 => Some(0),
            5.. if place < 5 + context => Some(1),
            _ => None,
        };
        let origin = |place: usize| TokenOrigin {
            start: 0,
            end: 0,
            is_special: sequence(place).is_none(),
            word_id: None,
            sequence_id: sequence(place),
        };
        let places = 0..6 + context;
        Paired::new(Encoding {
            tokens: Tokens {
                ids: places.clone().map(|id| id as u32).collect(),
                types: vec![0; places.len()],
                is_cut: false,
                expansion: 0,
            },
            origins: places.map(origin).collect(),
        })
    }

    fn parts(windows: Result<Vec<Window>>) -> Vec<[usize; 2]> {
        let parts = windows.unwrap().into_iter().map(|window| window.part);
        parts.map(|part| [part.start, part.end]).collect()
    }

    #[test]
    fn windows_overlap_and_end_with_the_context() {
        let windows =
            |context, max_tokens, stride| parts(paired(context).windows(0, max_tokens, stride));
        assert_eq!(windows(4, 10, 2), [[5, 9]], "it fits");
        assert_eq!(windows(5, 10, 2), [[5, 9], [7, 10]]);
        assert_eq!(windows(6, 10, 2), [[5, 9], [7, 11]]);
        assert_eq!(windows(7, 10, 2), [[5, 9], [7, 11], [9, 12]]);
        assert_eq!(windows(7, 10, 3), [[5, 9], [6, 10], [7, 11], [8, 12]]);
        assert_eq!(windows(9, 10, 0), [[5, 9], [9, 13], [13, 14]]);
        assert_eq!(windows(0, 10, 9), [[6, 6]]);
    }

    #[test]
    fn each_window_has_the_question_and_its_part() {
        let paired = paired(7);
        let tokens = paired.tokens(&(9..12));
        assert_eq!(tokens.ids, [0, 1, 2, 3, 4, 9, 10, 11, 12]);
        assert_eq!(tokens.types.len(), tokens.ids.len());
        assert_eq!(paired.place(&(9..12)), 5..8);
        let sequences: Vec<_> = paired
            .origins(&(9..12))
            .iter()
            .map(|it| it.sequence_id)
            .collect();
        assert_eq!(sequences[5..], [Some(1), Some(1), Some(1), None]);
    }

    #[test]
    fn a_question_that_leaves_no_room_is_an_error() {
        let error = paired(9).windows(7, 10, 4).unwrap_err().to_string();
        for needle in [
            "question 7",
            "11 tokens",
            "10 are allowed",
            "shorter question",
        ] {
            assert!(error.contains(needle), "{error}");
        }
        assert!(paired(9).windows(0, 5, usize::MAX).is_err());
        assert!(paired(0).windows(0, 5, 0).is_err());
    }
}
