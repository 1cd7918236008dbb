//! `--overflow`: what is read of a text that is longer than the model takes.

use std::ops::Range;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use serde::Serialize;
use wgformer::Error;
use wgformer::tasks::Passage;

use crate::input::Texts;
use crate::pairs::Input;

#[derive(Args)]
pub(crate) struct OverflowArgs {
    /// What to do with a text that is longer than the model takes.
    #[arg(long, value_enum, default_value_t = Overflow::Truncate)]
    pub(crate) overflow: Overflow,
    /// How many tokens a passage shares with the next, with --overflow chunk [default: 32].
    #[arg(long, value_name = "TOKENS", requires = "overflow")]
    overlap: Option<u32>,
}

/// `--overflow`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overflow {
    /// Cut it.
    Truncate,
    /// Split it into passages that overlap. embed, classify and search have a line for each, with its first character and
    /// the one after its last; rerank keeps the best of a text, and tag puts together what they have.
    Chunk,
    /// End with an error that names the text.
    Error,
}

/// What comes of texts that are not split into passages: the error of one that is too long does not advise it.
pub(crate) fn unsplit<T>(result: Result<T, impl Into<anyhow::Error>>) -> Result<T> {
    result.map_err(Into::into).map_err(|error| match error.downcast_ref() {
        Some(Error::TooLong { index, most }) => anyhow!(
            "text {index} is longer than the {most} tokens that the model takes: shorten it, or let it be cut"
        ),
        _ => error,
    })
}

impl OverflowArgs {
    /// In tokens.
    pub(crate) fn overlap(&self) -> usize {
        self.overlap.unwrap_or(32) as usize
    }

    pub(crate) fn splits(&self) -> bool {
        self.overflow == Overflow::Chunk
    }

    pub(crate) fn refuses(&self) -> bool {
        self.overflow == Overflow::Error
    }

    /// What is read of texts, of which the first has the number `first`; `passages` splits one with an overlap.
    pub(crate) fn parts<'a>(
        &self,
        first: usize,
        texts: &'a [String],
        passages: impl Fn(&'a str, usize) -> wgformer::Result<Vec<Passage<'a>>>,
    ) -> Result<Vec<Part<&'a str>>> {
        let texts = (first..).zip(texts.iter().map(String::as_str));
        if !self.splits() {
            return Ok(texts
                .map(|(index, text)| Part::whole(index, text))
                .collect());
        }
        let mut parts = Vec::new();
        for (index, text) in texts {
            let passages = passages(text, self.overlap())?;
            parts.extend(Part::passages(index, passages, |text| text));
        }
        Ok(parts)
    }

    /// What is read of each input as it comes; `passages` splits a text with an overlap.
    pub(crate) fn read(
        &self,
        inputs: Texts<Input>,
        passages: impl Fn(&str, usize) -> wgformer::Result<Vec<Passage<'_>>> + Send + 'static,
    ) -> Texts<Part<Input>> {
        if !self.splits() {
            return inputs.map(|index, input| Ok(Part::whole(index, input)));
        }
        let overlap = self.overlap();
        let split = move |index, input: Result<Input>| -> Result<Vec<Part<Input>>> {
            let input = input?;
            let passages = passages(&input.text, overlap)?;
            let part = |text: &str| Input {
                text: text.to_owned(),
                pair: input.pair.clone(),
            };
            Ok(Part::passages(index, passages, part))
        };
        let parts = inputs.texts.enumerate().flat_map(move |(index, input)| {
            let parts = split(index, input).map(|parts| parts.into_iter().map(Ok).collect());
            parts.unwrap_or_else(|error| vec![Err(error)])
        });
        Texts {
            texts: Box::new(parts),
            total: None,
        }
    }

    /// Of which of so many texts only a part is read, as `are_cut` knows.
    pub(crate) fn cut(
        &self,
        count: usize,
        are_cut: impl FnOnce() -> wgformer::Result<Vec<bool>>,
    ) -> Result<Vec<bool>> {
        match self.overflow {
            Overflow::Truncate => Ok(are_cut()?),
            Overflow::Chunk | Overflow::Error => Ok(vec![false; count]),
        }
    }
}

/// What is read: a text, or a passage of one.
pub(crate) struct Part<T> {
    /// The number of its text, from 0.
    pub(crate) index: usize,
    /// Its characters, where texts are split.
    pub(crate) place: Option<Range<usize>>,
    pub(crate) text: T,
    /// Whether no passage of its text follows.
    is_last: bool,
}

impl<T> Part<T> {
    pub(crate) fn whole(index: usize, text: T) -> Self {
        Self {
            index,
            place: None,
            text,
            is_last: true,
        }
    }

    /// All passages of a text.
    fn passages<'a>(
        index: usize,
        passages: Vec<Passage<'a>>,
        mut text: impl FnMut(&'a str) -> T,
    ) -> Vec<Self> {
        let count = passages.len();
        let part = |(number, passage): (usize, Passage<'a>)| Self {
            index,
            place: Some(passage.start..passage.end),
            text: text(passage.text),
            is_last: number == count,
        };
        (1..).zip(passages).map(part).collect()
    }

    /// The number of the text that the next part is of.
    pub(crate) fn next_index(&self) -> usize {
        self.index + usize::from(self.is_last)
    }

    pub(crate) fn place(&self) -> Option<Place> {
        let place = self.place.as_ref()?;
        Some(Place {
            start: place.start,
            end: place.end,
        })
    }
}

impl<T: AsRef<str>> AsRef<str> for Part<T> {
    fn as_ref(&self) -> &str {
        self.text.as_ref()
    }
}

/// A passage's first character in its text, and the one after its last, for a JSON line.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Place {
    start: usize,
    end: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}
