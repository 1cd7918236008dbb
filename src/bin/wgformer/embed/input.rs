//! Where `embed` takes texts from: a file per format.

mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;

use std::path::Path;

use anyhow::Result;
#[cfg(not(feature = "parquet"))]
use anyhow::anyhow;
use clap::ValueEnum;

use super::extension;
use crate::Usage;
use crate::lines::{self, Lines};

/// `--input-format`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InputFormat {
    /// A text per line.
    Text,
    /// A JSON object per line.
    Jsonl,
    /// Records with a header.
    Csv,
    /// A column of strings; for builds with the feature parquet.
    Parquet,
}

/// Texts in the order of their file, and how many there are, where that is known.
pub(super) struct Texts {
    pub(super) texts: Box<dyn Iterator<Item = Result<String>> + Send>,
    pub(super) total: Option<u64>,
}

impl InputFormat {
    /// By the file's name.
    pub(super) fn of(path: &Path) -> Self {
        match extension(path).as_str() {
            "jsonl" | "ndjson" | "json" => Self::Jsonl,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            _ => Self::Text,
        }
    }

    /// `field`: which of a record's values is the text, `text` unless something else is named.
    pub(super) fn open(self, path: &Path, field: Option<&str>) -> Result<Texts> {
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
                    super::NO_PARQUET
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
