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

/// Passages that share about `overlap` tokens with the next, and begin and end with whole words where words fit.
///
/// # Errors
/// [`Error::Tokenizer`]; [`Error::Input`] if `overlap` leaves no room for more.
pub(super) fn passages<'a>(
    model: &TextModel,
    text: &'a str,
    overlap: usize,
) -> Result<Vec<Passage<'a>>> {
    let room = model.room()?;
    if overlap >= room {
        return Err(Error::Input {
            name: "overlap".to_owned(),
            message: format!("is {overlap} tokens, and a passage has room for {room}"),
        });
    }
    let text = Characters::of(text);
    let mut passages = Vec::new();
    let mut start = 0;
    loop {
        let beginning = Beginning::of(model, &text, start, room)?;
        let passage = beginning.passage(model, &text, start, room)?;
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
    /// At least `room` tokens from character `start` on, or all.
    fn of(model: &TextModel, text: &Characters<'_>, start: usize, room: usize) -> Result<Self> {
        let mut count = room.saturating_mul(CHARACTERS_PER_TOKEN);
        loop {
            let end = text.count().min(start.saturating_add(count));
            let looked_at = text.slice(start, end);
            let encodings = model.tokenizer.encode_with_origins([looked_at])?;
            for encoding in encodings {
                let is_all = end == text.count() && !encoding.tokens.is_cut;
                if is_all || encoding.tokens.is_cut {
                    let origins = encoding.origins.into_iter();
                    let origins = origins.filter(|origin| !origin.is_special).collect();
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
        text: &Characters<'a>,
        start: usize,
        room: usize,
    ) -> Result<Passage<'a>> {
        if self.is_all {
            let all = Passage::of(text, start, text.count());
            if model.fits(all.text)? {
                return Ok(all);
            }
        }
        let mut tokens = self.word_start(room.min(self.origins.len()));
        loop {
            let end = self.origins[..tokens].iter().map(|origin| origin.end).max();
            let passage = Passage::of(text, start, start + end.unwrap_or(0).max(1));
            // Cut out of its text, a word may have other tokens than in it.
            if tokens <= 1 || model.fits(passage.text)? {
                return Ok(passage);
            }
            tokens = self.word_start(tokens - tokens.div_ceil(16));
        }
    }

    /// Where the passage after one of `end` characters begins, counted from where that does.
    fn next(&self, end: usize, overlap: usize) -> usize {
        let tokens = self.origins.iter().take_while(|origin| origin.end <= end);
        let token = self.word_start(tokens.count().saturating_sub(overlap));
        let start = self.origins.get(token).map_or(end, |origin| origin.start);
        // Several tokens may be of one character.
        if start == 0 { end } else { start }
    }

    /// The last token up to the one at `end`, but not the first, that begins a word; that at `end` itself where none does.
    fn word_start(&self, end: usize) -> usize {
        let word = |place: usize| self.origins.get(place).and_then(|origin| origin.word_id);
        let begins_word = |place: &usize| match self.origins.get(*place) {
            None => self.is_all,
            Some(origin) => origin.word_id.is_none() || word(*place - 1) != origin.word_id,
        };
        (1..=end).rev().find(begins_word).unwrap_or(end)
    }
}

impl TextModel {
    /// Whether a text is read whole.
    fn fits(&self, text: &str) -> Result<bool> {
        let tokens = self.tokenize(&[Text::One(text)])?;
        Ok(tokens.iter().all(|tokens| !tokens.is_cut))
    }

    /// How many tokens of a text are read, beside special tokens and the prompt.
    fn room(&self) -> Result<usize> {
        let empty = self.tokenize(&[Text::One("")])?;
        let taken = empty.first().map_or(0, |tokens| tokens.ids.len());
        Ok(self.model.max_tokens().saturating_sub(taken).max(1))
    }
}
