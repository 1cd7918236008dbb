//! Candidates in their order: a table for people, a JSON line each for programs.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::output::{Output, print_lines, printable};
use crate::overflow::{Part, Place};

/// A text, or the passage of one that answers best.
pub(crate) struct Candidate<'a> {
    pub(crate) part: &'a Part<&'a str>,
    pub(crate) score: f32,
    /// Whether only a part of it was read.
    pub(crate) is_cut: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    rank: usize,
    index: usize,
    score: f32,
    #[serde(flatten)]
    place: Option<Place>,
    text: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    query_cut: bool,
}

/// The best first. `query_is_cut`: whether only the beginning of the query was read.
pub(crate) fn print<'a>(
    best: impl Iterator<Item = Candidate<'a>>,
    query_is_cut: bool,
    json: bool,
) -> Result<()> {
    let lines = (1..).zip(best).map(|(rank, candidate)| Line {
        rank,
        index: candidate.part.index,
        score: candidate.score,
        place: candidate.part.place(),
        text: candidate.part.text,
        cut: candidate.is_cut,
        query_cut: query_is_cut,
    });
    let lines: Vec<Line<'_>> = lines.collect();
    if json {
        print_lines(&lines)
    } else {
        print_table(&lines, query_is_cut)
    }
}

fn print_table(lines: &[Line<'_>], query_is_cut: bool) -> Result<()> {
    let mut stdout = Output::stdout();
    if query_is_cut {
        writeln!(stdout, "only the beginning of the query was read (cut)")?;
    }
    if lines.is_empty() {
        writeln!(stdout, "there are no lines")?;
        return stdout.finish();
    }
    let in_passages = lines.iter().any(|line| line.place.is_some());
    let header = ["rank", "score", "line", "characters", "text"];
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(columns(header.map(str::to_owned), in_passages));
    let last = table.column_count() - 1;
    for column in table.column_iter_mut().take(last) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in lines {
        let (score, number) = (format!("{:.3}", line.score), (line.index + 1).to_string());
        let place = line.place.map(|place| place.to_string());
        let end = if line.cut { " (cut)" } else { "" };
        let text = printable(line.text) + end;
        let row = [
            line.rank.to_string(),
            score,
            number,
            place.unwrap_or_default(),
            text,
        ];
        table.add_row(columns(row, in_passages));
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    stdout.finish()
}

/// The place in a text only where texts are split.
fn columns(row: [String; 5], in_passages: bool) -> Vec<String> {
    let [rank, score, number, place, text] = row;
    if in_passages {
        vec![rank, score, number, place, text]
    } else {
        vec![rank, score, number, text]
    }
}
