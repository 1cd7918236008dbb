//! A text that is longer than a model takes, as windows of its tokens, which overlap: those of transformers' pipelines
//! with a stride.

use std::ops::Range;

use super::text_model::TextModel;
use crate::error::Result;
use crate::text::{Encoding, TokenOrigin, Tokens};

/// A whole text, or a question with its whole context, as the tokenizer has it: what stands before the tokens that are
/// split, these, and what stands behind them.
pub(super) struct LongText {
    encoding: Encoding,
    split: Range<usize>,
}

/// Some tokens of a text, with what stands before and behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Which text.
    pub(super) text: usize,
    /// Of all its tokens those that are split.
    pub(super) part: Range<usize>,
}

/// What stands before and behind leaves no room for more than the overlap: so many tokens are needed.
#[derive(Debug)]
pub(super) struct NoRoom(pub(super) usize);

/// Windows that are kept as tokens at the same time: with a large overlap they are many times as long as the texts.
const WINDOWS_AT_ONCE: usize = 512;

impl LongText {
    /// `sequence`: which of a pair of texts is split, 0 where there is one.
    pub(super) fn new(encoding: Encoding, sequence: usize) -> Self {
        let is_split = |origin: &TokenOrigin| origin.sequence_id == Some(sequence);
        let origins = &encoding.origins;
        let end = origins.len();
        let start = origins.iter().position(is_split).unwrap_or(end);
        let last = origins.iter().rposition(is_split);
        Self {
            split: start..last.map_or(end, |last| last + 1),
            encoding,
        }
    }

    /// Windows of `max_tokens` at most, each of which shares `stride` tokens with the next; `text`: which text this is.
    pub(super) fn windows(
        &self,
        text: usize,
        max_tokens: usize,
        stride: usize,
    ) -> Result<Vec<Window>, NoRoom> {
        let whole = self.split.clone();
        let beside = self.encoding.origins.len() - whole.len();
        if beside + whole.len() <= max_tokens {
            return Ok(vec![Window { text, part: whole }]);
        }
        let needed = beside.saturating_add(stride).saturating_add(1);
        if needed > max_tokens {
            return Err(NoRoom(needed));
        }
        let room = max_tokens - beside;
        let step = room - stride;
        let count = 1 + (whole.len() - room).div_ceil(step);
        let starts = (0..count).map(|place| whole.start + place * step);
        let windows = starts.map(|start| Window {
            text,
            part: start..whole.end.min(start + room),
        });
        Ok(windows.collect())
    }

    /// Whether there was more of it than the tokenizer gave.
    pub(super) fn is_cut(&self) -> bool {
        self.encoding.tokens.is_cut
    }

    /// What a model reads of a part.
    pub(super) fn tokens(&self, part: &Range<usize>) -> Tokens {
        let Tokens { ids, types, .. } = &self.encoding.tokens;
        Tokens {
            ids: self.around(ids, part),
            types: self.around(types, part),
            is_cut: self.is_cut() || part.len() < self.split.len(),
            expansion: 0,
        }
    }

    /// The place of a part among its window's tokens.
    pub(super) fn place(&self, part: &Range<usize>) -> Range<usize> {
        self.split.start..self.split.start + part.len()
    }

    /// Where the tokens of a part's window come from.
    pub(super) fn origins(&self, part: &Range<usize>) -> Vec<TokenOrigin> {
        self.around(&self.encoding.origins, part)
    }

    fn around<T: Copy>(&self, whole: &[T], part: &Range<usize>) -> Vec<T> {
        let (before, after) = (&whole[..self.split.start], &whole[self.split.end..]);
        [before, &whole[part.clone()], after].concat()
    }
}

/// Gives `each` every window in order, with the ids of its tokens and what the model makes of them. `report` is told after
/// each batch how many are done.
///
/// # Errors
/// As [`TextModel::outputs_of`], of the text that a window is of.
pub(super) async fn run_windows(
    model: &TextModel,
    texts: &[LongText],
    windows: &[Window],
    mut report: impl FnMut(usize),
    mut each: impl FnMut(&Window, &[u32], Vec<f32>),
) -> Result<()> {
    let mut done = 0;
    for some in windows.chunks(WINDOWS_AT_ONCE) {
        let tokens = some.iter().map(|it| texts[it.text].tokens(&it.part));
        let tokens: Vec<Tokens> = tokens.collect();
        let outputs = model.outputs_of(&tokens, |now| report(done + now)).await;
        let outputs = outputs.map_err(|error| error.renumbered(|place| some[place].text))?;
        for ((window, tokens), output) in some.iter().zip(&tokens).zip(outputs) {
            each(window, &tokens.ids, output.values);
        }
        done += some.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LongText, NoRoom, Window};
    use crate::text::{Encoding, TokenOrigin, Tokens};

    /// A question of three tokens and a context: `[CLS] q q q [SEP] c ... [SEP]`.
    fn asked(context: usize) -> LongText {
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
        let encoding = Encoding {
            tokens: Tokens {
                ids: places.clone().map(|id| id as u32).collect(),
                types: vec![0; places.len()],
                is_cut: false,
                expansion: 0,
            },
            origins: places.map(origin).collect(),
        };
        LongText::new(encoding, 1)
    }

    fn parts(windows: Result<Vec<Window>, NoRoom>) -> Vec<[usize; 2]> {
        let parts = windows.unwrap().into_iter().map(|window| window.part);
        parts.map(|part| [part.start, part.end]).collect()
    }

    #[test]
    fn windows_overlap_and_end_with_the_text() {
        let windows =
            |context, max_tokens, stride| parts(asked(context).windows(0, max_tokens, stride));
        assert_eq!(windows(4, 10, 2), [[5, 9]], "it fits");
        assert_eq!(windows(5, 10, 2), [[5, 9], [7, 10]]);
        assert_eq!(windows(6, 10, 2), [[5, 9], [7, 11]]);
        assert_eq!(windows(7, 10, 2), [[5, 9], [7, 11], [9, 12]]);
        assert_eq!(windows(7, 10, 3), [[5, 9], [6, 10], [7, 11], [8, 12]]);
        assert_eq!(windows(9, 10, 0), [[5, 9], [9, 13], [13, 14]]);
        assert_eq!(windows(0, 10, 9), [[6, 6]]);
    }

    #[test]
    fn each_window_has_what_is_around_and_its_part() {
        let asked = asked(7);
        let tokens = asked.tokens(&(9..12));
        assert_eq!(tokens.ids, [0, 1, 2, 3, 4, 9, 10, 11, 12]);
        assert_eq!(tokens.types.len(), tokens.ids.len());
        assert_eq!(asked.place(&(9..12)), 5..8);
        let sequences: Vec<_> = asked
            .origins(&(9..12))
            .iter()
            .map(|it| it.sequence_id)
            .collect();
        assert_eq!(sequences[5..], [Some(1), Some(1), Some(1), None]);
    }

    #[test]
    fn what_leaves_no_room_says_how_much_it_needs() {
        assert_eq!(asked(9).windows(7, 10, 4).unwrap_err().0, 11);
        assert!(asked(9).windows(0, 5, usize::MAX).is_err());
        assert!(asked(0).windows(0, 5, 0).is_err());
    }
}
