//! How a text is read for late interaction, and which of its tokens have a vector.

use crate::error::Result;
use crate::models::{MultiVector, TokenForm};
use crate::text::{Text, Tokenizer, Tokens};

/// Of queries, or of documents.
#[derive(Debug)]
pub(super) struct Form {
    tokenizer: Tokenizer,
    /// What stands behind the first token.
    marker: Option<u32>,
    prompt: String,
    lower_case: bool,
    /// How many tokens a text is filled up to, and with which; whether these stand apart from the others.
    expansion: Option<(usize, u32, bool)>,
    /// Those that have no vector.
    skipped: Vec<u32>,
    leaves_out_first: bool,
    max_tokens: usize,
}

impl Form {
    /// Of queries.
    ///
    /// # Errors
    /// [`crate::Error::Tokenizer`] if the vocabulary has no mask token to expand them with, or there is no room for a text.
    pub(super) fn of_queries(
        own: &MultiVector,
        tokenizer: &Tokenizer,
        most: usize,
        lower_case: bool,
    ) -> Result<Self> {
        let form = Self::new(&own.query, tokenizer, most, lower_case)?;
        let expansion = match own.query.expansion {
            None => None,
            Some(length) => {
                let (_, mask) = tokenizer
                    .mask()
                    .ok_or_else(|| tokenizer.error("has no mask token to expand queries with"))?;
                Some((length.min(most), mask, !own.attends_to_expansion))
            }
        };
        Ok(Self {
            expansion,
            leaves_out_first: own.leaves_out_first,
            ..form
        })
    }

    /// Of documents. A word that the vocabulary does not have as one token is not skipped.
    ///
    /// # Errors
    /// [`crate::Error::Tokenizer`] if there is no room for a text.
    pub(super) fn of_documents(
        own: &MultiVector,
        tokenizer: &Tokenizer,
        most: usize,
        lower_case: bool,
    ) -> Result<Self> {
        let form = Self::new(&own.document, tokenizer, most, lower_case)?;
        let skipped = own.skipped.iter();
        let skipped = skipped.filter_map(|word| tokenizer.id_of(word)).collect();
        Ok(Self {
            skipped,
            leaves_out_first: own.leaves_out_first,
            ..form
        })
    }

    /// `most`: the tokens that the model takes.
    fn new(own: &TokenForm, tokenizer: &Tokenizer, most: usize, lower_case: bool) -> Result<Self> {
        let names = [&own.marker[..], own.marker.trim()];
        let marker = names.iter().find_map(|name| tokenizer.id_of(name));
        let as_text = if marker.is_none() {
            &own.marker[..]
        } else {
            ""
        };
        let most = own.max_tokens.unwrap_or(most).min(most);
        let of_text = most.saturating_sub(usize::from(marker.is_some()));
        Ok(Self {
            tokenizer: tokenizer.cutting_at(of_text)?,
            marker,
            prompt: format!("{as_text}{}", own.prompt),
            lower_case,
            expansion: None,
            skipped: Vec::new(),
            leaves_out_first: false,
            max_tokens: most,
        })
    }

    /// # Errors
    /// [`crate::Error::Tokenizer`].
    pub(super) fn tokenize(&self, texts: &[Text<'_>]) -> Result<Vec<Tokens>> {
        let (prompt, lower_case) = (&self.prompt, self.lower_case);
        let mut tokens = self.tokenizer.encode_prompted(texts, prompt, lower_case)?;
        tokens.iter_mut().for_each(|tokens| self.complete(tokens));
        Ok(tokens)
    }

    /// The most tokens of a text, marker and special tokens included.
    pub(super) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// How many tokens are read with a text: special tokens, the marker and the prompt.
    ///
    /// # Errors
    /// [`crate::Error::Tokenizer`].
    pub(super) fn tokens_without_text(&self) -> Result<usize> {
        let empty = [Text::One("")];
        let (prompt, lower_case) = (&self.prompt, self.lower_case);
        let tokens = self.tokenizer.encode_prompted(&empty, prompt, lower_case)?;
        let around: usize = tokens.iter().map(|tokens| tokens.ids.len()).sum();
        Ok(around + usize::from(self.marker.is_some()))
    }

    /// Adds the marker, and what expands the text: after the text was cut, so that the marker stays whichever end was cut
    /// off, as with PyLate and Stanford's ColBERT. (Sentence-transformers 6 reads the marker as a part of the text, and loses it
    /// where the tokenizer's `truncation_side` is `left`.)
    fn complete(&self, tokens: &mut Tokens) {
        let place = tokens.ids.len().min(1);
        if let Some(marker) = self.marker {
            tokens.ids.insert(place, marker);
            tokens.types.insert(place, 0);
        }
        if let Some((length, mask, stands_apart)) = self.expansion {
            let more = length.saturating_sub(tokens.ids.len());
            tokens.ids.extend(vec![mask; more]);
            tokens.types.extend(vec![0; more]);
            tokens.expansion = if stands_apart { more } else { 0 };
        }
    }

    /// Which of a text's tokens have a vector.
    pub(super) fn has_vector(&self, place: usize, id: u32) -> bool {
        let is_left_out = self.leaves_out_first && place == 0;
        !is_left_out && !self.skipped.contains(&id)
    }
}
