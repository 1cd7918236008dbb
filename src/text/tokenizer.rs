use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenizers::{EncodeInput, ModelWrapper, PostProcessor, TruncationDirection};

use super::truncation::{Truncation, truncation_side};
use super::vocabulary::Vocabulary;
use super::{Encoding, Text, limits};
use crate::error::{Error, Result};
use crate::models::bounded_file::read_at_most;

/// The largest `tokenizer.json` that is read: those of 250,000 entries have about 17 MB.
const MAX_BYTES: u64 = 128 << 20;

/// So much of a text is looked at for each token, at first: a token of most languages has three to five.
const BYTES_PER_TOKEN: usize = 8;

/// What mask tokens are called.
pub(crate) const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

/// What a model reads: the tokenizer of a Hugging Face directory.
///
/// ```
/// use wgformer::text::{Tokenizer, Tokens};
///
/// # let folder = std::path::Path::new("tests/data/tiny/plain");
/// let tokenizer = Tokenizer::open(folder, 512)?;
/// let tokens: &Tokens = &tokenizer.encode(["a cat"])?[0];
/// println!("{:?}", tokens.ids); // [CLS], the words' own, [SEP]
/// assert_eq!(tokens.ids.len(), tokens.types.len());
/// assert!(!tokens.is_cut);
/// assert_eq!(tokenizer.decode(&tokens.ids[..1])?, "[CLS]");
/// assert_eq!(tokenizer.id_of("[CLS]"), Some(tokens.ids[0]));
/// let same = Tokenizer::load(&folder.join("tokenizer.json"), 512)?; // this file alone
/// assert_eq!(*tokens, same.encode(["a cat"])?[0]);
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Tokenizer {
    path: PathBuf,
    /// Cuts nothing.
    tokenizer: Arc<tokenizers::Tokenizer>,
    truncation: Truncation,
    /// Whether texts have special tokens around them.
    adds_special_tokens: bool,
}

/// A text as tokens, special tokens included.
///
/// See [`Tokenizer`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Places in the vocabulary.
    pub ids: Vec<u32>,
    /// Token types: which of a pair of texts each is of.
    pub types: Vec<u32>,
    /// Whether the text had more tokens than these.
    pub is_cut: bool,
    /// How many of the last ones expand the others: nothing attends to them.
    pub(crate) expansion: usize,
}

impl Tokenizer {
    /// Reads a directory's `tokenizer.json`; where there is none, `vocab.txt` as BERT has it, or `vocab.json` and
    /// `merges.txt` as RoBERTa has them, with `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`.
    ///
    /// See [`Tokenizer`] for an example. Texts are cut as by [`Tokenizer::load`].
    ///
    /// # Errors
    /// As [`Tokenizer::load`], [`Error::Malformed`] for another file that is broken, and [`Error::Unsupported`] for a
    /// tokenizer of another kind.
    pub fn open(directory: &Path, max_tokens: usize) -> Result<Self> {
        let path = directory.join("tokenizer.json");
        let opened = if path.exists() {
            Self::load(&path, max_tokens)?
        } else {
            match Vocabulary::read(directory)? {
                Some(vocabulary) => {
                    Self::new(&vocabulary.path, max_tokens, || vocabulary.tokenizer())?
                }
                None => Self::load(&path, max_tokens)?, // whose absence is the error
            }
        };
        let direction = truncation_side(&directory.join("tokenizer_config.json"))?;
        let direction = direction.unwrap_or(opened.truncation.direction);
        Ok(opened.with_truncation(Truncation {
            direction,
            ..opened.truncation
        }))
    }

    /// Reads `tokenizer.json`. Texts are cut to `max_tokens`, special tokens included, and never padded, whatever the
    /// file itself says.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is larger than any tokenizer's, [`Error::Tokenizer`] if
    /// it is broken or leaves no room for a text.
    pub fn load(path: &Path, max_tokens: usize) -> Result<Self> {
        let json = read_at_most(path, MAX_BYTES)?;
        Self::new(path, max_tokens, || {
            limits::check(&json)?;
            tokenizers::Tokenizer::from_bytes(&json)
        })
    }

    /// What `make` makes of the file at `path`.
    fn new(
        path: &Path,
        max_tokens: usize,
        make: impl FnOnce() -> tokenizers::Result<tokenizers::Tokenizer>,
    ) -> Result<Self> {
        let (tokenizer, direction) = guarded(path, || {
            let mut tokenizer = make()?;
            check_room(&tokenizer, max_tokens)?;
            let direction = tokenizer.get_truncation().map(|it| it.direction);
            tokenizer.with_padding(None).with_truncation(None)?;
            Ok((tokenizer, direction))
        })?;
        Ok(Self {
            path: path.to_owned(),
            tokenizer: Arc::new(tokenizer),
            truncation: Truncation {
                max_tokens,
                direction: direction.unwrap_or(TruncationDirection::Right),
                only_first: false,
            },
            adds_special_tokens: true,
        })
    }

    /// The same where of a pair that is too long the first alone is cut, rather than whichever is longer.
    pub(crate) fn cutting_the_first(&self) -> Self {
        self.with_truncation(Truncation {
            only_first: true,
            ..self.truncation
        })
    }

    /// The same that cuts texts to another length.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if that leaves no room for a text.
    pub(crate) fn cutting_at(&self, max_tokens: usize) -> Result<Self> {
        guarded(&self.path, || check_room(&self.tokenizer, max_tokens))?;
        Ok(self.with_truncation(Truncation {
            max_tokens,
            ..self.truncation
        }))
    }

    fn with_truncation(&self, truncation: Truncation) -> Self {
        Self {
            path: self.path.clone(),
            tokenizer: self.tokenizer.clone(),
            truncation,
            adds_special_tokens: self.adds_special_tokens,
        }
    }

    /// The same that reads texts as they are.
    pub(crate) fn without_special_tokens(self) -> Self {
        Self {
            adds_special_tokens: false,
            ..self
        }
    }

    /// The most tokens of a text, special tokens included.
    pub(crate) fn max_tokens(&self) -> usize {
        self.truncation.max_tokens
    }

    /// The tokens of each text or pair of texts, in order.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer fails on one.
    pub fn encode<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Tokens>> {
        let special = self.adds_special_tokens;
        let encode = |texts| self.tokenizer.encode_batch_fast(texts, special);
        let encodings = self.encode_beginnings(texts, self.truncation.max_tokens, encode)?;
        let tokens = encodings.iter().map(|encoding| {
            let kept = self.kept(encoding)?;
            Ok(Tokens::of(encoding, kept.as_deref()))
        });
        tokens.collect()
    }

    /// The places of the tokens that stay, if not all do.
    fn kept(&self, encoding: &tokenizers::Encoding) -> Result<Option<Vec<usize>>> {
        guarded(&self.path, || {
            self.truncation.kept(&encoding.get_sequence_ids())
        })
    }

    /// Whether of long texts the end is read, rather than the beginning.
    fn cuts_the_beginning(&self) -> bool {
        self.truncation.direction == TruncationDirection::Left
    }

    /// As much of each text as says what its first tokens are, and whether it has more than `most`: the crate would
    /// normalise all of a text, for some hundred times its memory, and then cut it.
    fn encode_beginnings<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
        most: usize,
        encode: impl Fn(Vec<EncodeInput<'a>>) -> tokenizers::Result<Vec<tokenizers::Encoding>>,
    ) -> Result<Vec<tokenizers::Encoding>> {
        let texts: Vec<Text<'a>> = texts.into_iter().map(Into::into).collect();
        let mut bytes = if self.cuts_the_beginning() {
            usize::MAX
        } else {
            most.saturating_mul(BYTES_PER_TOKEN)
        };
        let encode = |texts: &[Text<'a>]| {
            let inputs = texts.iter().map(|text| crates_input(*text)).collect();
            guarded(&self.path, || encode(inputs))
        };
        let beginnings: Vec<Text<'a>> = texts.iter().map(|it| it.beginning(bytes)).collect();
        let mut encodings = encode(&beginnings)?;
        loop {
            let places = (0..texts.len()).filter(|place| {
                texts[*place].beginning(bytes) != texts[*place] && encodings[*place].len() <= most
            });
            let unsure: Vec<usize> = places.collect();
            if unsure.is_empty() {
                return Ok(encodings);
            }
            bytes = bytes.saturating_mul(2);
            let longer = unsure.iter().map(|place| texts[*place].beginning(bytes));
            let longer = encode(&longer.collect::<Vec<_>>())?;
            for (place, encoding) in unsure.into_iter().zip(longer) {
                encodings[place] = encoding;
            }
        }
    }

    /// An error that a model has with its tokens, as one of its file: of texts there are no others.
    pub(crate) fn blamed(&self, error: Error) -> Error {
        match error {
            Error::Input { name, message } if name == "ids" || name == "types" => {
                Error::Malformed {
                    path: self.path.clone(),
                    message: format!("does not fit the model: its {name} {message}"),
                }
            }
            other => other,
        }
    }

    /// What is wrong with it for a task.
    pub(crate) fn error(&self, message: &str) -> Error {
        Error::Tokenizer {
            path: self.path.clone(),
            message: message.to_owned(),
        }
    }

    /// The tokens of each text with a prompt before it, in lower case if it says so.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub(crate) fn encode_prompted(
        &self,
        texts: &[Text<'_>],
        prompt: &str,
        lower_case: bool,
    ) -> Result<Vec<Tokens>> {
        if !lower_case && prompt.is_empty() {
            return self.encode(texts.iter().copied());
        }
        let read = texts.iter().map(|text| text.prompted(prompt, lower_case));
        let read: Vec<[String; 2]> = read.collect();
        let texts = texts.iter().zip(&read).map(|(text, read)| text.with(read));
        self.encode(texts.collect::<Vec<_>>())
    }

    /// The id of a token, by its name in the vocabulary.
    #[must_use]
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The text that tokens stand for, special ones included.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        guarded(&self.path, || self.tokenizer.decode(ids, false))
    }

    /// As [`Tokenizer::encode`], with where each token comes from, which takes longer.
    ///
    /// ```
    /// use wgformer::text::{Encoding, TokenOrigin, Tokenizer};
    ///
    /// # let folder = std::path::Path::new("tests/data/spans/bert-tags");
    /// let tokenizer = Tokenizer::load(&folder.join("tokenizer.json"), 512)?;
    /// let encoding: &Encoding = &tokenizer.encode_with_origins(["李白 and a cat"])?[0];
    /// let cat: TokenOrigin = encoding.origins[5]; // after [CLS], 李, 白, and, a
    /// assert_eq!((cat.start, cat.end, cat.word_id), (9, 12, Some(4)));
    /// assert_eq!((cat.is_special, cat.sequence_id), (false, Some(0)));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_origins<'a>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Encoding>> {
        let most = self.truncation.max_tokens;
        let encodings = self.encode_beginnings(texts, most, |texts| self.with_offsets(texts))?;
        let encodings = encodings.iter().map(|encoding| {
            let kept = self.kept(encoding)?;
            Ok(Encoding::of(encoding, kept.as_deref()))
        });
        encodings.collect()
    }

    /// As [`Tokenizer::encode_with_origins`], but cutting nothing: all tokens of a text that has no more than `most`, and
    /// some more than so many of any other, from its beginning on.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub(crate) fn encode_more_than<'a>(
        &self,
        most: usize,
        texts: impl IntoIterator<Item = impl Into<Text<'a>>>,
    ) -> Result<Vec<Encoding>> {
        let encodings = self.encode_beginnings(texts, most, |texts| self.with_offsets(texts))?;
        let whole = encodings.iter().map(|it| Encoding::of(it, None));
        Ok(whole.collect())
    }

    fn with_offsets(
        &self,
        texts: Vec<EncodeInput<'_>>,
    ) -> tokenizers::Result<Vec<tokenizers::Encoding>> {
        let special = self.adds_special_tokens;
        self.tokenizer.encode_batch_char_offsets(texts, special)
    }

    /// The mask token and its id, if there is one.
    pub(crate) fn mask(&self) -> Option<(&'static str, u32)> {
        MASKS
            .iter()
            .find_map(|token| Some((*token, self.id_of(token)?)))
    }

    /// What the vocabulary has under an id, such as `##ing`.
    pub(crate) fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// Whether a token that goes on with a word is another than the same letters at its start: `##ing`.
    pub(crate) fn marks_subwords(&self) -> bool {
        let prefix = match self.tokenizer.get_model() {
            ModelWrapper::BPE(model) => model.continuing_subword_prefix.as_deref(),
            ModelWrapper::WordPiece(model) => Some(&model.continuing_subword_prefix[..]),
            ModelWrapper::WordLevel(_) | ModelWrapper::Unigram(_) => None,
        };
        prefix.is_some_and(|prefix| !prefix.is_empty())
    }

    /// What stands for everything that is not in the vocabulary.
    pub(crate) fn unknown_id(&self) -> Option<u32> {
        let named = match self.tokenizer.get_model() {
            ModelWrapper::BPE(model) => model.unk_token.as_deref(),
            ModelWrapper::WordPiece(model) => Some(&model.unk_token[..]),
            ModelWrapper::WordLevel(model) => Some(&model.unk_token[..]),
            ModelWrapper::Unigram(_) => None,
        };
        // Where the file names none, the families that have such tokenizers call it so.
        self.tokenizer.token_to_id(named.unwrap_or("<unk>"))
    }
}

/// Refuses special tokens that are as many as all may be.
fn check_room(tokenizer: &tokenizers::Tokenizer, max_tokens: usize) -> tokenizers::Result<()> {
    let processor = tokenizer.get_post_processor();
    let special = processor.map_or(0, |processor| processor.added_tokens(false));
    if special < max_tokens {
        return Ok(());
    }
    let message =
        format!("leaves no room for a text: {max_tokens} tokens at most, {special} special ones");
    Err(message.into())
}

/// What the tokenizer crate calls it.
fn crates_input(text: Text<'_>) -> EncodeInput<'_> {
    match text {
        Text::One(text) => EncodeInput::Single(text.into()),
        Text::Pair(first, second) => EncodeInput::Dual(first.into(), second.into()),
    }
}

/// The one place where a panic of the tokenizer crate, which a hostile file can cause, becomes an error.
fn guarded<T>(path: &Path, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    let error = |message| Error::Tokenizer {
        path: path.to_owned(),
        message,
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(message)) => Err(error(message.to_string())),
        Err(_) => Err(error(
            "is broken: the tokenizer crate panicked on it".to_owned(),
        )),
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
