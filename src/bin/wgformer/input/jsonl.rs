//! A JSON object per line; lines without anything are passed over.

use anyhow::{Result, anyhow};
use serde_json::{Map, Value};

use super::list;
use crate::lines::Lines;

pub(super) fn texts(
    mut lines: Lines,
    field: String,
) -> impl Iterator<Item = Result<String>> + Send {
    std::iter::from_fn(move || {
        loop {
            let line = match lines.next()? {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let text = text(&line, &field);
            return Some(text.map_err(|message| anyhow!("{} {message}", lines.place())));
        }
    })
}

fn text(line: &str, field: &str) -> Result<String, String> {
    let mut record: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("is no JSON object: {error}"))?;
    match record.remove(field) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => {
            let kind = match other {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::Array(_) => "an array",
                _ => "an object",
            };
            Err(format!(
                "has {kind} in its field {field:?}, and a text is a string"
            ))
        }
        None => Err(format!(
            "has no field {field:?}, it has {}; name one with --field",
            list(record.keys().map(String::as_str))
        )),
    }
}
