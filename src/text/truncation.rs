//! What is left out of a text, or of a pair, that has too many tokens: as Python's tokenizers 0.23.3 does.

use std::path::Path;

use tokenizers::TruncationDirection;

use crate::error::{Error, Result};
use crate::models::json;

/// How many tokens there may be, and which ones go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truncation {
    /// Special tokens included, which all stay.
    pub(super) max_tokens: usize,
    /// The end of a text that is cut off.
    pub(super) direction: TruncationDirection,
    /// Of a pair the first text alone is cut, rather than whichever is longer.
    pub(super) only_first: bool,
}

impl Truncation {
    /// The places of the tokens that stay; `None` where all do. `sequence_ids`: of each token, which of a pair of texts it
    /// is of, or 0 of a single one; `None` of a special token.
    ///
    /// # Errors
    /// If the first text alone is to be cut, and is too short for that.
    pub(super) fn kept(
        &self,
        sequence_ids: &[Option<usize>],
    ) -> tokenizers::Result<Option<Vec<usize>>> {
        if sequence_ids.len() <= self.max_tokens {
            return Ok(None);
        }
        let lengths = [0, 1].map(|sequence| {
            let of = sequence_ids.iter().filter(|it| **it == Some(sequence));
            of.count()
        });
        let special = sequence_ids.len() - lengths[0] - lengths[1];
        let room = self.max_tokens.saturating_sub(special);
        let kept = match self.only_first {
            false => longest_first(lengths, room),
            true if lengths[1] < room => [room - lengths[1], lengths[1]],
            true => {
                let (most, second) = (self.max_tokens, lengths[1]);
                let message = format!(
                    "leaves no room for the first text of a pair: {most} tokens at most, {special} special ones, {second} of the second text"
                );
                return Err(message.into());
            }
        };
        let mut before = [0; 2];
        let stays = |place: &usize| {
            let Some(sequence @ 0..2) = sequence_ids[*place] else {
                return true;
            };
            let place = before[sequence];
            before[sequence] += 1;
            match self.direction {
                TruncationDirection::Right => place < kept[sequence],
                TruncationDirection::Left => place + kept[sequence] >= lengths[sequence],
            }
        };
        Ok(Some((0..sequence_ids.len()).filter(stays).collect()))
    }
}

/// How many tokens stay of each of two texts that have more than there is room for: of the longer as many as the shorter
/// leaves, and at least half. Of equally long ones the second counts as the longer.
fn longest_first([first, second]: [usize; 2], room: usize) -> [usize; 2] {
    let of_shorter = first.min(second).min(room / 2);
    let of_longer = room - of_shorter;
    if first > second {
        [of_longer, of_shorter]
    } else {
        [of_shorter, of_longer]
    }
}

/// Which end of a long text transformers cuts off, if `tokenizer_config.json` says so.
///
/// # Errors
/// [`Error::Malformed`]; [`Error::Unsupported`] for another side than the two.
pub(super) fn truncation_side(path: &Path) -> Result<Option<TruncationDirection>> {
    let config: Option<serde_json::Value> = json::read_if_there(path)?;
    let side = config.as_ref().map(|config| &config["truncation_side"]);
    match side.and_then(|side| side.as_str()) {
        None => Ok(None),
        Some("right") => Ok(Some(TruncationDirection::Right)),
        Some("left") => Ok(Some(TruncationDirection::Left)),
        Some(other) => Err(Error::Unsupported {
            path: path.to_owned(),
            what: "truncation_side",
            found: other.to_owned(),
            supported: "left, right".to_owned(),
        }),
    }
}
