//! Inputs of two sentences.

use anyhow::{Result, anyhow};
use clap::Args;
use wgformer::text::Text;

#[derive(Args)]
pub(crate) struct PairArgs {
    /// The second sentence of a pair, for each text.
    #[arg(long, value_name = "TEXT", conflicts_with = "pairs")]
    pair: Option<String>,
    /// Each text is two, with a tab between them.
    #[arg(long)]
    pairs: bool,
}

impl PairArgs {
    pub(crate) fn are_asked_for(&self) -> bool {
        self.pairs || self.pair.is_some()
    }

    /// What a model reads; `first`: the number of the first text, for errors.
    pub(crate) fn split<'a>(&'a self, first: usize, texts: &'a [String]) -> Result<Vec<Text<'a>>> {
        let texts = (first..).zip(texts).map(|(number, text)| {
            if let Some(pair) = &self.pair {
                return Ok(Text::Pair(text, pair));
            }
            if !self.pairs {
                return Ok(Text::One(text));
            }
            match text.split_once('\t') {
                Some((first, second)) => Ok(Text::Pair(first, second)),
                None => Err(anyhow!(
                    "text {number} has no tab: --pairs wants two sentences in each"
                )),
            }
        });
        texts.collect()
    }
}
