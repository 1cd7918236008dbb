//! The weights as a table: all of a short text, of a longer one the keys that each query takes most from.

use std::io::Write;

use anyhow::Result;

use super::Shown;
use crate::numbers::table;
use crate::output::{Output, printable};

/// More tokens have no room beside each other.
const MOST_COLUMNS: usize = 12;

/// So many keys of a longer text.
const KEYS: usize = 5;

pub(super) fn print(shown: &Shown<'_>) -> Result<()> {
    let mut stdout = Output::stdout();
    writeln!(stdout, "{}", shown.title())?;
    let table = if shown.tokens.len() <= MOST_COLUMNS {
        all(shown)
    } else {
        largest(shown)
    };
    writeln!(stdout, "{}", table.trim_fmt())?;
    stdout.finish()
}

/// A row per query, a column per key.
fn all(shown: &Shown<'_>) -> comfy_table::Table {
    let keys = shown.tokens.iter().map(|it| printable(&it.token));
    let header: Vec<String> = ["query".to_owned()].into_iter().chain(keys).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = table(&header, 1);
    for (query, weights) in shown.rows() {
        let weights = weights.iter().map(|weight| format!("{weight:.3}"));
        table.add_row([printable(&query.token)].into_iter().chain(weights));
    }
    table
}

/// Tokens are counted from 1, since one may be there more than once.
fn largest(shown: &Shown<'_>) -> comfy_table::Table {
    let mut table = table(&["place", "query", "attends most to"], 3);
    for (place, (query, weights)) in (1..).zip(shown.rows()) {
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a])); // stable
        let key = |key: &usize| {
            let token = printable(&shown.tokens[*key].token);
            format!("{:.3} {token} ({})", weights[*key], key + 1)
        };
        let keys: Vec<String> = order.iter().take(KEYS).map(key).collect();
        let row = [place.to_string(), printable(&query.token), keys.join(", ")];
        table.add_row(row);
    }
    table
}
