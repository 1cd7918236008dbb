//! Candidates in their order: a table for people, a JSON line each for programs.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use crate::output::{Output, print_lines, printable};

#[derive(Serialize)]
struct Line<'a> {
    rank: usize,
    index: usize,
    score: f32,
    text: &'a str,
}

/// `best`: places in `texts` and scores, the best first.
pub(crate) fn print(
    best: impl Iterator<Item = (usize, f32)>,
    texts: &[String],
    json: bool,
) -> Result<()> {
    let best = best.map(|(index, score)| (index, score, &texts[index][..]));
    if json {
        print_json(best)
    } else {
        print_table(&lines(best))
    }
}

/// `best`: places, scores and texts, the best first.
pub(crate) fn print_json<'a>(best: impl Iterator<Item = (usize, f32, &'a str)>) -> Result<()> {
    print_lines(&lines(best))
}

fn lines<'a>(best: impl Iterator<Item = (usize, f32, &'a str)>) -> Vec<Line<'a>> {
    let lines = (1..).zip(best).map(|(rank, (index, score, text))| Line {
        rank,
        index,
        score,
        text,
    });
    lines.collect()
}

fn print_table(lines: &[Line<'_>]) -> Result<()> {
    let mut stdout = Output::stdout();
    if lines.is_empty() {
        writeln!(stdout, "there are no lines")?;
        return stdout.finish();
    }
    let mut table = comfy_table::Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_header(["rank", "score", "line", "text"]);
    for column in table.column_iter_mut().take(3) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    for line in lines {
        let (score, number) = (format!("{:.3}", line.score), (line.index + 1).to_string());
        table.add_row([line.rank.to_string(), score, number, printable(line.text)]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    stdout.finish()
}
