//! `--overflow`: what is read of a text that is longer than the model takes.

use std::ops::Range;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use wgformer::tasks::Passage;

#[derive(Args)]
pub(crate) struct OverflowArgs {
    /// What to do with a text that is longer than the model takes.
    #[arg(long, value_enum, default_value_t = Overflow::Truncate)]
    pub(crate) overflow: Overflow,
    /// How many tokens a passage shares with the next, with --overflow chunk.
    #[arg(long, value_name = "TOKENS", default_value_t = 32)]
    pub(crate) overlap: u32,
}

/// `--overflow`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overflow {
    /// Cut it.
    Truncate,
    /// Split it into passages that overlap, each for itself, with its first character and the one after its last; rerank
    /// keeps the best of a text, and tag puts together what they have.
    Chunk,
    /// End with an error that names the text.
    Error,
}

impl OverflowArgs {
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
            let passages = passages(text, self.overlap as usize)?.into_iter();
            parts.extend(passages.map(|passage| Part::passage(index, &passage, passage.text)));
        }
        Ok(parts)
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
}

impl<T> Part<T> {
    pub(crate) fn whole(index: usize, text: T) -> Self {
        Self {
            index,
            place: None,
            text,
        }
    }

    pub(crate) fn passage(index: usize, passage: &Passage<'_>, text: T) -> Self {
        Self {
            index,
            place: Some(passage.start..passage.end),
            text,
        }
    }

    /// The same of something else that says the text.
    pub(crate) fn map<U>(self, text: impl FnOnce(T) -> U) -> Part<U> {
        Part {
            index: self.index,
            place: self.place,
            text: text(self.text),
        }
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
