//! A text that is longer than a model takes: parts that it takes whole, which overlap.

use super::characters::Characters;
use super::text_model::TextModel;
use crate::error::{Error, Result};
use crate::text::{Text, TokenOrigin};

/// A part of a text that is not longer than a model takes.
///
/// See [`Embedder::passages`](super::Embedder::passages) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage<'a> {
    /// Its first character, counted in characters, not bytes, from the start of the text.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// What it says.
    pub text: &'a str,
}

impl<'a> Passage<'a> {
    fn of(text: &Characters<'a>, start: usize, end: usize) -> Self {
        Self {
            start,
            end,
            text: text.slice(start, end),
        }
    }
}

/// What a passage is read with.
#[derive(Clone, Copy)]
pub(super) enum Beside<'a> {
    Nothing,
    /// A first sentence, to which the passage is the second.
    First(&'a str),
    /// A second sentence.
    Second(&'a str),
}

impl<'a> Beside<'a> {
    fn with<'b>(self, passage: &'b str) -> Text<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Nothing => Text::One(passage),
            Self::First(first) => Text::Pair(first, passage),
            Self::Second(second) => Text::Pair(passage, second),
        }
    }
}

/// Passages that share about `overlap` tokens with the next, and begin and end with whole words where words fit.
///
/// # Errors
/// [`Error::Tokenizer`]; [`Error::Input`] if `overlap` leaves no room for more, [`Error::Limit`] if what is beside leaves
/// none at all.
pub(super) fn passages<'a>(
    model: &TextModel,
    beside: Beside<'_>,
    text: &'a str,
    overlap: usize,
) -> Result<Vec<Passage<'a>>> {
    let room = model.room(beside)?;
    if overlap >= room {
        return Err(Error::Input {
            name: "overlap".to_owned(),
            message: format!(
                "is {overlap} tokens, and a passage has room for {room}: it must be less"
            ),
        });
    }
    let text = Characters::of(text);
    let mut passages = Vec::new();
    let mut start = 0;
    loop {
        let beginning = Beginning::of(model, &text, start, room)?;
        let passage = beginning.passage(model, beside, &text, start, room)?;
        let end = passage.end;
        passages.push(passage);
        if end == text.count() {
            return Ok(passages);
        }
        start += beginning.next(end - start, overlap);
    }
}

/// The first tokens of what is left of a text.
struct Beginning {
    /// Where in that they come from, without special tokens.
    origins: Vec<TokenOrigin>,
    /// Whether there are no others.
    is_all: bool,
}

/// So many characters are looked at for a token, at first.
const CHARACTERS_PER_TOKEN: usize = 16;

impl Beginning {
    /// More than `room` tokens from character `start` on, or all.
    fn of(model: &TextModel, text: &Characters<'_>, start: usize, room: usize) -> Result<Self> {
        let mut count = room.saturating_mul(CHARACTERS_PER_TOKEN);
        loop {
            let end = text.count().min(start.saturating_add(count));
            let looked_at = text.slice(start, end);
            for encoding in model.tokenizer.encode_more_than(room, [looked_at])? {
                let origins = encoding.origins.into_iter();
                let origins: Vec<_> = origins.filter(|origin| !origin.is_special).collect();
                let is_enough = encoding.tokens.is_cut || origins.len() > room;
                if is_enough || end == text.count() {
                    let is_all = !is_enough;
                    return Ok(Self { origins, is_all });
                }
            }
            count = count.saturating_mul(2);
        }
    }

    /// The longest passage from character `start` on that the model takes.
    fn passage<'a>(
        &self,
        model: &TextModel,
        beside: Beside<'_>,
        text: &Characters<'a>,
        start: usize,
        room: usize,
    ) -> Result<Passage<'a>> {
        if self.is_all {
            let all = Passage::of(text, start, text.count());
            if model.fits(beside.with(all.text))? {
                return Ok(all);
            }
        }
        let whole_words = |tokens| self.word_start(tokens).unwrap_or(tokens);
        let mut tokens = whole_words(room.min(self.origins.len()));
        loop {
            let end = self.origins[..tokens].iter().map(|origin| origin.end).max();
            let passage = Passage::of(text, start, start + end.unwrap_or(0).max(1));
            // Cut out of its text, a word may have other tokens than in it.
            if tokens <= 1 || model.fits(beside.with(passage.text))? {
                return Ok(passage);
            }
            tokens = whole_words(tokens - tokens.div_ceil(16));
        }
    }

    /// Where the passage after one of `end` characters begins, counted from where that does.
    fn next(&self, end: usize, overlap: usize) -> usize {
        let tokens = self.origins.iter().take_while(|origin| origin.end <= end);
        let tokens = tokens.count();
        // One token further at least, and where no word begins so early, as early as one does.
        let wanted = tokens.saturating_sub(overlap).max(1);
        let token = self.word_start(wanted).or_else(|| {
            let mut later = wanted..tokens;
            later.find(|place| self.begins_word(*place))
        });
        let token = token.unwrap_or(wanted);
        let start = self.origins.get(token).map_or(end, |origin| origin.start);
        // Several tokens may be of one character.
        if start == 0 { end } else { start }
    }

    /// The last token up to the one at `end`, but not the first, that begins a word.
    fn word_start(&self, end: usize) -> Option<usize> {
        let mut places = (1..=end).rev();
        places.find(|place| self.begins_word(*place))
    }

    /// Of a token that is not the first.
    fn begins_word(&self, place: usize) -> bool {
        let word = |place: usize| self.origins.get(place).and_then(|origin| origin.word_id);
        match self.origins.get(place) {
            None => self.is_all,
            Some(origin) => origin.word_id.is_none() || word(place - 1) != origin.word_id,
        }
    }
}

impl TextModel {
    /// Whether a text is read whole.
    fn fits(&self, text: Text<'_>) -> Result<bool> {
        Ok(!self.are_cut(&[text])?.contains(&true))
    }

    /// How many tokens of a passage are read, beside what else is.
    ///
    /// # Errors
    /// [`Error::Limit`] if that are none.
    fn room(&self, beside: Beside<'_>) -> Result<usize> {
        let (most, taken) = (self.max_tokens(), self.tokens_without(beside.with(""))?);
        if taken < most {
            return Ok(most - taken);
        }
        let thing = match beside {
            Beside::Nothing => "a passage with special tokens and the model's prompt",
            Beside::First(_) | Beside::Second(_) => {
                "a passage with special tokens and the sentence that it is read with"
            }
        };
        Err(Error::Limit {
            thing: thing.to_owned(),
            needed: taken.saturating_add(1) as u64,
            allowed: most as u64,
            unit: "tokens",
            advice: "shorten what a passage is read with",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_shares_as_much_as_it_can_and_begins_with_a_word() {
        // Words of two tokens, of two characters each, and a space.
        let token = |place: usize| {
            let (word, part) = (place / 2, place % 2);
            TokenOrigin {
                start: 5 * word + 2 * part,
                end: 5 * word + 2 * part + 2,
                is_special: false,
                word_id: Some(word as u32),
                sequence_id: Some(0),
            }
        };
        let beginning = Beginning {
            origins: (0..10).map(token).collect(),
            is_all: false,
        };
        let of_four_words = 19;
        for (overlap, word) in [
            (0, 4),
            (1, 3),
            (2, 3),
            (4, 2),
            (6, 1),
            (7, 1),
            (8, 1),
            (99, 1),
        ] {
            assert_eq!(
                beginning.next(of_four_words, overlap),
                5 * word,
                "{overlap}"
            );
        }
        // Within a word there is nothing else.
        assert_eq!(beginning.next(4, 1), 2);
    }
}
