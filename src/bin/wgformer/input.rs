//! Where commands take texts from: their arguments, or a file; a file per format.

mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
pub(crate) mod records;

use std::path::{Path, PathBuf};

use anyhow::Result;
#[cfg(not(feature = "parquet"))]
use anyhow::anyhow;
use clap::{Args, ValueEnum};

use crate::Usage;
use crate::lines::{self, Lines};
use crate::source::read_text;

#[derive(Args)]
pub(crate) struct InputArgs {
    /// The texts.
    #[arg(value_name = "TEXT", required_unless_present = "input")]
    texts: Vec<String>,
    /// A file of any number of texts, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "texts")]
    pub(crate) input: Option<PathBuf>,
    /// What the input is [default: by its name: jsonl for .jsonl, .ndjson and .json, csv for .csv, parquet for .parquet,
    /// else text].
    #[arg(long, value_enum)]
    input_format: Option<InputFormat>,
    /// The field or column of the input's records that is the text [default: text].
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Option<String>,
}

impl InputArgs {
    pub(crate) fn open(&self) -> Result<Texts> {
        match &self.input {
            Some(path) => self.format(path).open(path, self.field.as_deref()),
            None if self.input_format.is_some() || self.field.is_some() => {
                Err(Usage("--input-format and --field are for a file: name it with --input").into())
            }
            None => Ok(Texts {
                total: Some(self.texts.len() as u64),
                texts: Box::new(self.texts.clone().into_iter().map(Ok)),
            }),
        }
    }

    /// The same where a file of text is one text as a whole.
    pub(crate) fn open_documents(&self) -> Result<Texts> {
        match &self.input {
            Some(path) if !self.has_records() && self.field.is_none() => Ok(Texts {
                texts: Box::new(std::iter::once(Ok(read_text(path)?))),
                total: Some(1),
            }),
            _ => self.open(),
        }
    }

    /// Whether the input is a file of records, rather than of text.
    pub(crate) fn has_records(&self) -> bool {
        let format = self.input.as_ref().map(|path| self.format(path));
        format.is_some_and(|format| format != InputFormat::Text)
    }

    /// What a file is taken for.
    pub(crate) fn format(&self, path: &Path) -> InputFormat {
        self.input_format.unwrap_or_else(|| InputFormat::of(path))
    }
}

/// `--input-format`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// A text per line.
    Text,
    /// A JSON object per line.
    Jsonl,
    /// Records with a header.
    Csv,
    /// A column of strings; for builds with the feature parquet.
    Parquet,
}

/// Texts in the order of their file, and how many there are, where that is known; or what is read of each.
pub(crate) struct Texts<T = String> {
    pub(crate) texts: Box<dyn Iterator<Item = Result<T>> + Send>,
    pub(crate) total: Option<u64>,
}

/// The end of a file's name, in lower case, without its dot.
pub(crate) fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

impl<T: 'static> Texts<T> {
    /// Something else of each, with its number from 0.
    pub(crate) fn map<U>(
        self,
        mut of_each: impl FnMut(usize, T) -> Result<U> + Send + 'static,
    ) -> Texts<U> {
        let texts = self.texts.enumerate();
        Texts {
            texts: Box::new(texts.map(move |(number, text)| of_each(number, text?))),
            total: self.total,
        }
    }
}

impl InputFormat {
    /// By the file's name.
    pub(crate) fn of(path: &Path) -> Self {
        match extension(path).as_str() {
            "jsonl" | "ndjson" | "json" => Self::Jsonl,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            _ => Self::Text,
        }
    }

    /// `field`: which of a record's values is the text, `text` unless something else is named.
    pub(crate) fn open(self, path: &Path, field: Option<&str>) -> Result<Texts> {
        let named = field.unwrap_or("text");
        Ok(match self {
            Self::Text if field.is_some() => {
                return Err(Usage(
                    "--field is for inputs of records: name another --input-format, or leave it out",
                )
                .into());
            }
            Self::Text => Texts {
                texts: Box::new(Lines::open(path)?),
                total: lines::count(path),
            },
            Self::Jsonl => Texts {
                texts: Box::new(jsonl::texts(Lines::open(path)?, named.to_owned())),
                total: lines::count(path),
            },
            Self::Csv => Texts {
                texts: Box::new(csv::texts(path, named)?),
                total: None,
            },
            #[cfg(feature = "parquet")]
            Self::Parquet => parquet::texts(path, named)?,
            #[cfg(not(feature = "parquet"))]
            Self::Parquet => {
                return Err(anyhow!(
                    "cannot read {}: {}",
                    path.display(),
                    crate::NO_PARQUET
                ));
            }
        })
    }
}

/// For an error: what there is instead.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}
