//! Tokenizers of before `tokenizer.json`: a vocabulary in a file of its own, and what else is known of it in others. What
//! the names in them mean, and what holds where they say nothing, is as transformers has it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, Tokenizer};

use crate::error::{Error, Result};
use crate::models::bounded_file::read_at_most;
use crate::models::json;

/// No larger file is read: a vocabulary of 500,000 tokens has 5 MB.
const MAX_BYTES: u64 = 16 << 20;

/// A tokenizer before it is made: the text of its files.
pub(super) struct Vocabulary {
    /// The file that has the tokens.
    pub(super) path: PathBuf,
    kind: Kind,
    tokens: String,
    /// Of byte pairs; else empty.
    merges: String,
    settings: Settings,
}

/// What makes one tokenizer different from another.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bert,
    MpNet,
    Roberta,
}

/// The names that a special token may have, in the order in which they get places that the vocabulary has not.
const NAMES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// Vocabularies of SentencePiece, which are not read.
const SENTENCEPIECE: [&str; 5] = [
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "sentencepiece.model",
    "tokenizer.model",
];

/// `tokenizer_config.json`
#[derive(Deserialize, Default)]
struct Settings {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    #[serde(default)]
    add_prefix_space: bool,
    added_tokens_decoder: Option<BTreeMap<u32, Value>>,
    /// Special tokens among others.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// `config.json`
#[derive(Deserialize, Default)]
struct Config {
    tokenizer_class: Option<String>,
    model_type: Option<String>,
}

impl Settings {
    /// Those of a directory. Newer files have in one what older ones have in three.
    fn read(directory: &Path) -> Result<Self> {
        let read = json::read_if_there(&directory.join("tokenizer_config.json"))?;
        let mut settings: Self = read.unwrap_or_default();
        if settings.added_tokens_decoder.is_none() {
            let named = json::read_if_there(&directory.join("special_tokens_map.json"))?;
            settings.others.extend(named.unwrap_or_else(BTreeMap::new));
            let added = json::read_if_there(&directory.join("added_tokens.json"))?;
            let added: BTreeMap<String, u32> = added.unwrap_or_default();
            let by_place = added.into_iter().map(|(token, id)| (id, token.into()));
            settings.added_tokens_decoder = Some(by_place.collect());
        }
        Ok(settings)
    }

    /// Tokens besides the vocabulary's, by their places.
    fn added_tokens(&self) -> impl Iterator<Item = &Value> {
        self.added_tokens_decoder.iter().flat_map(BTreeMap::values)
    }
}

impl Kind {
    /// The kind whose vocabulary is in `file`.
    fn of(directory: &Path, file: &str, settings: &Settings) -> Result<Self> {
        let config: Config =
            json::read_if_there(&directory.join("config.json"))?.unwrap_or_default();
        let is_mpnet = config.model_type.is_some_and(|it| it == "mpnet");
        let class = settings.tokenizer_class.clone().or(config.tokenizer_class);
        match class.as_deref().map(|class| class.trim_end_matches("Fast")) {
            None if file == "vocab.json" => Ok(Self::Roberta),
            None if is_mpnet => Ok(Self::MpNet),
            None | Some("BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer") => {
                Ok(Self::Bert)
            }
            Some("MPNetTokenizer") => Ok(Self::MpNet),
            Some("RobertaTokenizer") => Ok(Self::Roberta),
            Some(found) => Err(Error::Unsupported {
                path: directory.join("tokenizer_config.json"),
                what: "tokenizer_class",
                found: found.to_owned(),
                supported: format!(
                    "BertTokenizer, DistilBertTokenizer, ElectraTokenizer, MPNetTokenizer, RobertaTokenizer; \
                     any other in {TOKENIZER_JSON}"
                ),
            }),
        }
    }
}

impl Vocabulary {
    /// The vocabulary of a directory, if it has one.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`], or [`Error::Unsupported`] for a tokenizer of another kind.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>> {
        let is_there = |file: &&str| directory.join(file).exists();
        let Some(file) = ["vocab.txt", "vocab.json"].into_iter().find(is_there) else {
            return refuse_sentencepiece(directory).map(|()| None);
        };
        let settings = Settings::read(directory)?;
        let kind = Kind::of(directory, file, &settings)?;
        let (file, merges) = match kind {
            Kind::Bert | Kind::MpNet => ("vocab.txt", String::new()),
            Kind::Roberta => ("vocab.json", text(&directory.join("merges.txt"))?),
        };
        let path = directory.join(file);
        Ok(Some(Self {
            tokens: text(&path)?,
            path,
            kind,
            merges,
            settings,
        }))
    }

    /// # Errors
    /// What is wrong with the files.
    pub(super) fn tokenizer(&self) -> tokenizers::Result<Tokenizer> {
        let mut tokenizer = match self.kind {
            Kind::Bert | Kind::MpNet => self.word_piece()?,
            Kind::Roberta => self.byte_pairs()?,
        };
        let named = self.named_tokens()?;
        let mut added = Vec::new();
        for token in self.settings.added_tokens() {
            let token = added_token(token, false)?;
            let same = named.values().find(|it| it.content == token.content);
            added.push(same.cloned().unwrap_or(token));
        }
        tokenizer.add_tokens(added)?;
        let place = |name: &str| {
            let token = &named[name].content;
            let id = tokenizer.token_to_id(token);
            let id = id.ok_or_else(|| format!("does not have the {name} {token:?}"))?;
            Ok::<_, String>((token.clone(), id))
        };
        let (cls, sep) = (place("cls_token")?, place("sep_token")?);
        let in_order = NAMES.iter().filter_map(|name| named.get(*name)).cloned();
        tokenizer.add_tokens(in_order)?;
        tokenizer.add_tokens(self.extra_tokens()?)?;
        match self.kind {
            Kind::Bert => tokenizer.with_post_processor(Some(BertProcessing::new(sep, cls))),
            Kind::MpNet => {
                let around = RobertaProcessing::new(sep, cls).add_prefix_space(false);
                tokenizer.with_post_processor(Some(around))
            }
            Kind::Roberta => {
                let around = RobertaProcessing::new(sep, cls);
                let around = around.add_prefix_space(self.settings.add_prefix_space);
                tokenizer.with_post_processor(Some(around))
            }
        };
        Ok(tokenizer)
    }

    /// A token a line.
    fn word_piece(&self) -> tokenizers::Result<Tokenizer> {
        let lines = self.tokens.lines().map(|line| line.trim_end().to_owned());
        let model = WordPiece::builder()
            .vocab(lines.zip(0..).collect::<Vocab>())
            .unk_token(self.named_tokens()?["unk_token"].content.clone())
            .build()?;
        let Settings {
            do_lower_case,
            strip_accents,
            tokenize_chinese_chars,
            ..
        } = self.settings;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_normalizer(Some(BertNormalizer::new(
            true,
            tokenize_chinese_chars.unwrap_or(true),
            strip_accents,
            do_lower_case.unwrap_or(true),
        )))?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(tokenizer)
    }

    /// A JSON object of tokens, and pairs of them, one a line, the first of which is joined first.
    fn byte_pairs(&self) -> tokenizers::Result<Tokenizer> {
        let vocabulary: HashMap<String, u32> = serde_json::from_str(&self.tokens)?;
        let vocabulary: Vocab = vocabulary.into_iter().collect();
        let lines = self
            .merges
            .lines()
            .filter(|line| !line.starts_with("#version"));
        let merges = lines.map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [first, second] => Ok((first.to_owned(), second.to_owned())),
            _ => Err(format!(
                "does not fit: {line:?} in merges.txt is no pair of tokens"
            )),
        });
        let model = BPE::builder()
            .vocab_and_merges(vocabulary, merges.collect::<Result<Vec<_>, _>>()?)
            .build()?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(ByteLevel::new(
            self.settings.add_prefix_space,
            true,
            true,
        )));
        Ok(tokenizer)
    }

    /// The special tokens that have a name: as the settings have them, else the kind's own.
    fn named_tokens(&self) -> tokenizers::Result<BTreeMap<&'static str, AddedToken>> {
        let said = |name: &str| {
            self.settings
                .others
                .get(name)
                .filter(|token| !token.is_null())
        };
        let mut named = BTreeMap::new();
        for name in NAMES {
            let own = self.kind.own(name).map(Value::from);
            let Some(token) = said(name).or(own.as_ref()) else {
                continue;
            };
            let mut found = added_token(token, true)?;
            if self.kind == Kind::MpNet && name == "mask_token" && token.is_string() {
                found = found.lstrip(true);
            }
            // What is said of it by its place comes first.
            for other in self.settings.added_tokens() {
                let other = added_token(other, true)?;
                if other.content == found.content {
                    found = other;
                }
            }
            named.insert(name, found);
        }
        Ok(named)
    }

    /// Special tokens that have no name.
    fn extra_tokens(&self) -> tokenizers::Result<Vec<AddedToken>> {
        let lists = ["extra_special_tokens", "additional_special_tokens"];
        let lists = lists
            .iter()
            .filter_map(|list| self.settings.others.get(*list)?.as_array());
        lists
            .flatten()
            .map(|token| added_token(token, true))
            .collect()
    }
}

impl Kind {
    /// What a special token is where nothing else is said.
    fn own(self, name: &str) -> Option<&'static str> {
        let (begin, end) = ("<s>", "</s>");
        match (self, name) {
            (Self::Bert, "bos_token" | "eos_token") => None,
            (Self::Bert, "sep_token") => Some("[SEP]"),
            (Self::Bert, "pad_token") => Some("[PAD]"),
            (Self::Bert, "cls_token") => Some("[CLS]"),
            (Self::Bert, "mask_token") => Some("[MASK]"),
            (Self::Bert | Self::MpNet, "unk_token") => Some("[UNK]"),
            (_, "bos_token" | "cls_token") => Some(begin),
            (_, "eos_token" | "sep_token") => Some(end),
            (_, "unk_token") => Some("<unk>"),
            (_, "pad_token") => Some("<pad>"),
            (_, "mask_token") => Some("<mask>"),
            _ => None,
        }
    }
}

/// A token as a string, or as an object that also says what of the text around it belongs to it.
fn added_token(value: &Value, is_named: bool) -> tokenizers::Result<AddedToken> {
    let content = value.as_str().or_else(|| value.get("content")?.as_str());
    let content =
        content.ok_or_else(|| format!("has settings with a token that is none: {value}"))?;
    let flag = |name| value.get(name).and_then(Value::as_bool);
    let special = is_named || flag("special").unwrap_or(false);
    Ok(AddedToken::from(content, special)
        .single_word(flag("single_word").unwrap_or(false))
        .lstrip(flag("lstrip").unwrap_or(false))
        .rstrip(flag("rstrip").unwrap_or(false))
        .normalized(flag("normalized").unwrap_or(!special)))
}

/// A SentencePiece model is no text, and what makes a tokenizer of it is transformers' own.
fn refuse_sentencepiece(directory: &Path) -> Result<()> {
    let there = SENTENCEPIECE
        .into_iter()
        .find(|file| directory.join(file).exists());
    match there {
        None => Ok(()),
        Some(file) => Err(Error::Unsupported {
            path: directory.join(file),
            what: "tokenizer file",
            found: file.to_owned(),
            supported: TOKENIZER_JSON.to_owned(),
        }),
    }
}

/// How to get one.
const TOKENIZER_JSON: &str = "tokenizer.json, which `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)` of \
                              Python's transformers writes";

fn text(path: &Path) -> Result<String> {
    String::from_utf8(read_at_most(path, MAX_BYTES)?).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        message: format!("is no UTF-8: {error}"),
    })
}
