//! A JSON object per line; lines without anything are passed over.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use serde_json::{Map, Value};

use super::list;
use super::records::{Place, Record, kind};
use crate::lines::Lines;

pub(super) fn texts(lines: Lines, field: String) -> impl Iterator<Item = Result<String>> + Send {
    each(lines, move |mut record, lines| {
        text(&mut record, &field).map_err(|message| anyhow!("{} {message}", lines.place()))
    })
}

pub(super) fn records(lines: Lines) -> impl Iterator<Item = Result<Record>> {
    let file: Arc<str> = lines.name().into();
    each(lines, move |record, lines| {
        Ok(Record::new(
            &file,
            Place::Line(lines.number() as u64),
            record,
        ))
    })
}

/// What is read of each object.
fn each<T>(
    mut lines: Lines,
    read: impl Fn(Map<String, Value>, &Lines) -> Result<T>,
) -> impl Iterator<Item = Result<T>> {
    std::iter::from_fn(move || {
        loop {
            let line = match lines.next()? {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let record = serde_json::from_str(&line).map_err(|error: serde_json::Error| {
                // The line of an error is that of a document, and each line here is one.
                let place = format!("line {} column", error.line());
                let error = error.to_string().replace(&place, "column");
                anyhow!(
                    "{} is no JSON object, and every line is one: {error}",
                    lines.place()
                )
            });
            return Some(record.and_then(|record| read(record, &lines)));
        }
    })
}

fn text(record: &mut Map<String, Value>, field: &str) -> Result<String, String> {
    match record.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!(
            "has {} in its field {field:?}, and a text is a string",
            kind(&other)
        )),
        None => Err(format!(
            "has no field {field:?}, it has {}; name one with --field",
            list(record.keys().map(String::as_str))
        )),
    }
}
