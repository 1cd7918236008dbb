//! CSV with a header, as RFC 4180 has it: commas, double quotes, every record as long as the header.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::list;
use crate::source::Source;

pub(super) fn texts(
    path: &Path,
    column: &str,
) -> Result<impl Iterator<Item = Result<String>> + Send + use<>> {
    let source = Source::open(path)?;
    let name = source.name.clone();
    let mut reader = ::csv::Reader::from_reader(source);
    let header = reader.headers().map_err(|error| explain(&name, &error))?;
    let place = header.iter().position(|it| it == column);
    let place = place.ok_or_else(|| {
        anyhow!(
            "{name} has no column {column:?}, its header has {}; name one with --field",
            list(header.iter())
        )
    })?;
    let text = move |record: ::csv::Result<::csv::StringRecord>| {
        let record = record.map_err(|error| explain(&name, &error))?;
        Ok(record[place].to_owned()) // the reader refuses records that are shorter than the header
    };
    Ok(reader.into_records().map(text))
}

/// The crate's message names the record and its line.
fn explain(name: &str, error: &::csv::Error) -> anyhow::Error {
    anyhow!("cannot read {name}: {error}")
}
