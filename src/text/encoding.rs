use super::Tokens;

/// A text or a pair of texts as tokens, and where each of them comes from.
///
/// See [`Tokenizer::encode_with_origins`](super::Tokenizer::encode_with_origins) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoding {
    /// What a model reads.
    pub tokens: Tokens,
    /// One for each token.
    pub origins: Vec<TokenOrigin>,
}

/// Where in a text a token comes from.
///
/// See [`Tokenizer::encode_with_origins`](super::Tokenizer::encode_with_origins) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenOrigin {
    /// Its first character, counted in characters, not bytes, from the start of its text; 0 for a special token.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// Whether it is in no text: the tokenizer added it, such as `[CLS]`.
    pub is_special: bool,
    /// Which word of its text it is of, if any.
    pub word_id: Option<u32>,
    /// Which of a pair of texts it is of, 0 or 1, if any.
    pub sequence_id: Option<usize>,
}

impl Tokens {
    /// `kept`: the places of the tokens that stay, if not all do.
    pub(super) fn of(encoding: &tokenizers::Encoding, kept: Option<&[usize]>) -> Self {
        Self {
            ids: pick(encoding.get_ids(), kept),
            types: pick(encoding.get_type_ids(), kept),
            is_cut: kept.is_some(),
            expansion: 0,
        }
    }
}

impl Encoding {
    /// `kept`: the places of the tokens that stay, if not all do.
    pub(super) fn of(encoding: &tokenizers::Encoding, kept: Option<&[usize]>) -> Self {
        let sequence_ids = encoding.get_sequence_ids();
        let origins = encoding.get_offsets().iter().enumerate();
        let origins = origins.map(|(place, (start, end))| TokenOrigin {
            start: *start,
            end: *end,
            is_special: encoding.get_special_tokens_mask()[place] != 0,
            word_id: encoding.get_word_ids()[place],
            sequence_id: sequence_ids[place],
        });
        Self {
            tokens: Tokens::of(encoding, kept),
            origins: pick(&origins.collect::<Vec<_>>(), kept),
        }
    }
}

fn pick<T: Copy>(all: &[T], places: Option<&[usize]>) -> Vec<T> {
    match places {
        None => all.to_vec(),
        Some(places) => places.iter().map(|place| all[*place]).collect(),
    }
}
