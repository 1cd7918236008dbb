//! CSV with a header, as RFC 4180 has it: commas, double quotes, every record as long as the header.

use std::path::Path;
use std::sync::Arc;

use ::csv::{Reader, StringRecord};
use anyhow::{Result, anyhow};
use serde_json::Value;

use super::list;
use super::records::{Place, Record};
use crate::source::Source;

pub(super) fn texts(
    path: &Path,
    column: &str,
) -> Result<impl Iterator<Item = Result<String>> + Send + use<>> {
    let (name, header, reader) = open(path)?;
    let place = header.iter().position(|it| it == column);
    let place = place.ok_or_else(|| {
        anyhow!(
            "{name} has no column {column:?}, its header has {}; name one with --field",
            list(header.iter())
        )
    })?;
    let text = move |record: ::csv::Result<StringRecord>| {
        let record = record.map_err(|error| explain(&name, &error))?;
        Ok(record[place].to_owned()) // the reader refuses records that are shorter than the header
    };
    Ok(reader.into_records().map(text))
}

pub(super) fn records(path: &Path) -> Result<impl Iterator<Item = Result<Record>> + use<>> {
    let (name, header, reader) = open(path)?;
    let file: Arc<str> = name.into();
    let record = move |record: ::csv::Result<StringRecord>| {
        let record = record.map_err(|error| explain(&file, &error))?;
        let line = record.position().map_or(0, ::csv::Position::line);
        let values = header.iter().zip(&record);
        let values = values.map(|(name, value)| (name.to_owned(), Value::from(value)));
        Ok(Record::new(&file, Place::Line(line), values.collect()))
    };
    Ok(reader.into_records().map(record))
}

/// The file's name, its header, and what reads the rest.
fn open(path: &Path) -> Result<(String, StringRecord, Reader<Source>)> {
    let source = Source::open(path)?;
    let name = source.name.clone();
    let mut reader = Reader::from_reader(source);
    let header = reader.headers().map_err(|error| explain(&name, &error))?;
    let header = header.clone();
    Ok((name, header, reader))
}

/// The crate's message names the record and its line.
fn explain(name: &str, error: &::csv::Error) -> anyhow::Error {
    anyhow!("cannot read {name}: {error}")
}
