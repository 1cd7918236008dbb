//! Records of several fields: a line of CSV or of JSON, a row of Parquet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{InputFormat, csv, jsonl, list};
use crate::lines::Lines;

/// A file of records.
#[derive(Args)]
pub(crate) struct RecordsArgs {
    /// A file of records: CSV with a header, a JSON object per line, or Parquet.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) data: PathBuf,
    /// What the file is [default: by its name: jsonl for .jsonl, .ndjson and .json, parquet for .parquet, else csv].
    #[arg(long, value_enum)]
    data_format: Option<RecordFormat>,
}

/// `--data-format`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordFormat {
    /// Records with a header.
    Csv,
    /// A JSON object per line.
    Jsonl,
    /// For builds with the feature parquet.
    Parquet,
}

/// What a file says of one thing.
pub(crate) struct Record {
    /// For errors: of which file, and where in it.
    file: Arc<str>,
    place: Place,
    values: Map<String, Value>,
}

/// Where a record is.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Line(u64),
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "files of rows are Parquet")
    )]
    Row(u64),
}

/// A field, by the names that it may have.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    /// The option that names another.
    option: &'static str,
    /// What that option says.
    named: Option<&'a str>,
    /// What it is called elsewhere, the first that is there.
    usual: &'static [&'static str],
}

impl RecordsArgs {
    /// All records, of which there is at least one; of a Parquet file these fields alone are read.
    pub(crate) fn read(&self, fields: &[Field<'_>]) -> Result<Vec<Record>> {
        read(&self.data, self.data_format, fields)
    }
}

/// As [`RecordsArgs::read`], of a file that another option names.
pub(crate) fn read(
    path: &Path,
    format: Option<RecordFormat>,
    fields: &[Field<'_>],
) -> Result<Vec<Record>> {
    let by_name = match InputFormat::of(path) {
        InputFormat::Jsonl => RecordFormat::Jsonl,
        InputFormat::Parquet => RecordFormat::Parquet,
        InputFormat::Csv | InputFormat::Text => RecordFormat::Csv,
    };
    let found: Vec<Record> = match format.unwrap_or(by_name) {
        RecordFormat::Csv => csv::records(path)?.collect::<Result<_>>()?,
        RecordFormat::Jsonl => jsonl::records(Lines::open(path)?).collect::<Result<_>>()?,
        RecordFormat::Parquet => parquet(path, fields)?,
    };
    if found.is_empty() {
        return Err(anyhow!("{} has no records", path.display()));
    }
    Ok(found)
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, fields: &[Field<'_>]) -> Result<Vec<Record>> {
    let is_wanted = |name: &str| fields.iter().any(|field| field.is(name));
    super::parquet::records(path, is_wanted)?.collect()
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &[Field<'_>]) -> Result<Vec<Record>> {
    Err(anyhow!(
        "cannot read {}: {}",
        path.display(),
        crate::NO_PARQUET
    ))
}

impl<'a> Field<'a> {
    pub(crate) fn new(
        option: &'static str,
        named: Option<&'a String>,
        usual: &'static [&'static str],
    ) -> Self {
        let named = named.map(String::as_str);
        Self {
            option,
            named,
            usual,
        }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let usual = match self.named {
            Some(_) => &[],
            None => self.usual,
        };
        self.named.into_iter().chain(usual.iter().copied())
    }

    #[cfg(feature = "parquet")]
    fn is(&self, name: &str) -> bool {
        self.names().any(|it| it == name)
    }
}

impl Record {
    pub(super) fn new(file: &Arc<str>, place: Place, values: Map<String, Value>) -> Self {
        Self {
            file: Arc::clone(file),
            place,
            values,
        }
    }

    /// `path: line 3`
    pub(crate) fn place(&self) -> String {
        match self.place {
            Place::Line(line) => format!("{}: line {line}", self.file),
            Place::Row(row) => format!("{}: row {row}", self.file),
        }
    }

    /// An error of this record.
    pub(crate) fn error(&self, message: impl std::fmt::Display) -> anyhow::Error {
        anyhow!("{} {message}", self.place())
    }

    /// The name and the value of a field, if it is there and not null.
    pub(crate) fn find<'a>(&'a self, field: Field<'a>) -> Option<(&'a str, &'a Value)> {
        let mut names = field.names();
        let found = names.find_map(|name| Some((name, self.values.get(name)?)));
        found.filter(|(_, value)| !value.is_null())
    }

    fn get<'a>(&'a self, field: Field<'a>) -> Result<(&'a str, &'a Value)> {
        self.find(field).ok_or_else(|| {
            let names = field.names().map(|name| format!("{name:?}"));
            let (names, there) = (names.collect::<Vec<_>>(), self.values.keys());
            self.error(format!(
                "has no field {}, it has {}; name one with {}",
                names.join(" or "),
                list(there.map(String::as_str)),
                field.option
            ))
        })
    }

    pub(crate) fn text<'a>(&'a self, field: Field<'a>) -> Result<&'a str> {
        match self.get(field)? {
            (_, Value::String(text)) => Ok(text),
            (name, other) => Err(self.wrong(name, other, "a text is a string")),
        }
    }

    /// A name, or a number that stands for one.
    pub(crate) fn label(&self, field: Field<'_>) -> Result<String> {
        match self.get(field)? {
            (name, Value::String(label)) if label.trim().is_empty() => {
                Err(self.error(format!("has an empty label in its field {name:?}")))
            }
            (_, Value::String(label)) => Ok(label.clone()),
            (_, Value::Number(number)) => Ok(number.to_string()),
            (_, Value::Bool(boolean)) => Ok(boolean.to_string()),
            (name, other) => Err(self.wrong(name, other, "a label is a string or a number")),
        }
    }

    pub(crate) fn number(&self, field: Field<'_>) -> Result<f64> {
        let (name, value) = self.get(field)?;
        let found = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(boolean) => Some(f64::from(u8::from(*boolean))),
            _ => None,
        };
        let found = found.filter(|number| number.is_finite());
        found.ok_or_else(|| {
            self.error(format!(
                "has {value} in its field {name:?}, which is no number"
            ))
        })
    }

    /// A list of strings or numbers; of a string its words.
    pub(crate) fn words(&self, field: Field<'_>) -> Result<Vec<String>> {
        match self.get(field)? {
            (_, Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
            (name, Value::Array(values)) => self.strings(name, values),
            (name, other) => Err(self.wrong(name, other, "it must be a list of strings")),
        }
    }

    /// A list of strings, or one alone; none where the field is not there.
    pub(crate) fn texts(&self, field: Field<'_>) -> Result<Vec<String>> {
        match self.find(field) {
            None => Ok(Vec::new()),
            Some((_, Value::String(text))) => Ok(vec![text.clone()]),
            Some((name, Value::Array(values))) => self.strings(name, values),
            Some((name, other)) => Err(self.wrong(name, other, "it must be a list of texts")),
        }
    }

    fn strings(&self, name: &str, values: &[Value]) -> Result<Vec<String>> {
        let string = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self.error(format!(
                "has {} in the list of its field {name:?}, and must have strings",
                kind(other)
            ))),
        };
        values.iter().map(string).collect()
    }

    fn wrong(&self, name: &str, value: &Value, wanted: &str) -> anyhow::Error {
        let kind = kind(value);
        self.error(format!("has {kind} in its field {name:?}, and {wanted}"))
    }
}

/// For an error.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
