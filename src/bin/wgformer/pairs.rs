//! Inputs of two sentences.

use anyhow::{Result, anyhow};
use clap::Args;
use wgformer::text::Text;

use crate::Usage;
use crate::input::Texts;
use crate::overflow::{OverflowArgs, Part, unsplit};

#[derive(Args)]
pub(crate) struct PairArgs {
    /// The second sentence of a pair, for each text.
    #[arg(long, value_name = "TEXT", conflicts_with = "pairs")]
    pub(crate) pair: Option<String>,
    /// Each text is two, with a tab between them.
    #[arg(long)]
    pub(crate) pairs: bool,
}

/// What a model reads: a text, or two as a pair.
pub(crate) struct Input {
    pub(crate) text: String,
    pub(crate) pair: Option<String>,
}

impl<'a> From<&'a Input> for Text<'a> {
    fn from(Input { text, pair }: &'a Input) -> Self {
        match pair {
            Some(pair) => Text::Pair(text, pair),
            None => Text::One(text),
        }
    }
}

impl<'a> From<&'a Part<Input>> for Text<'a> {
    fn from(part: &'a Part<Input>) -> Self {
        Text::from(&part.text)
    }
}

impl PairArgs {
    pub(crate) fn are_asked_for(&self) -> bool {
        self.pairs || self.pair.is_some()
    }

    /// # Errors
    /// For pairs where long texts are split.
    pub(crate) fn check(&self, long: &OverflowArgs) -> Result<()> {
        if self.are_asked_for() && long.splits() {
            let message = "--overflow chunk splits single texts: leave --pair and --pairs out, or let what is too long be cut";
            return Err(Usage(message).into());
        }
        Ok(())
    }

    /// What comes of the texts, which are [`unsplit`] where they are pairs.
    pub(crate) fn of_texts<T>(&self, result: Result<T>) -> Result<T> {
        match self.are_asked_for() {
            true => unsplit(result),
            false => result,
        }
    }

    /// What a model reads of each text.
    pub(crate) fn read(&self, texts: Texts) -> Texts<Input> {
        let (pair, pairs) = (self.pair.clone(), self.pairs);
        texts.map(move |number, text| {
            if !pairs {
                let pair = pair.clone();
                return Ok(Input { text, pair });
            }
            let tabs = text.matches('\t').count();
            match text.split_once('\t') {
                Some((first, second)) if tabs == 1 => Ok(Input {
                    text: first.to_owned(),
                    pair: Some(second.to_owned()),
                }),
                _ => {
                    let tabs = match tabs {
                        0 => "no tab".to_owned(),
                        _ => format!("{tabs} tabs"),
                    };
                    Err(anyhow!(
                        "text {number} has {tabs}: --pairs wants two sentences in each, and a tab between them"
                    ))
                }
            }
        })
    }
}
