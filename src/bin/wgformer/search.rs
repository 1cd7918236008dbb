//! `search`: the lines of a file, nearest in meaning first.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::index::{Index, IndexOptions};
use wgformer::plan::Control;

use crate::lines::Lines;
use crate::model_args::ModelArgs;
use crate::output::{Output, print_lines, printable};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to look for.
    query: String,
    /// A file with one text per line, or - for standard input.
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
    /// How many lines to show.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// A JSON line per hit instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    rank: usize,
    index: usize,
    score: f32,
    text: &'a str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut texts = Lines::open(&arguments.input)?.collect::<Result<Vec<String>>>()?;
    let embedder = arguments.model.load(None, false)?;
    texts.push(arguments.query.clone()); // in the same batches as the lines
    let mut progress = Progress::new(Some(texts.len() as u64), "texts");
    let mut told = 0;
    let control = Control::new().progress(|now| {
        progress.advance(now.done - told);
        told = now.done;
    });
    let mut vectors = embedder.embed_with(&texts, control)?;
    drop(progress);
    let query = vectors.pop().unwrap_or_default();
    let gpu = embedder.model().plan().gpu();
    let mut index = Index::new(gpu, embedder.dimensions(), &IndexOptions::default())?;
    index.add(&vectors)?;
    let hits = index.search(&[query], arguments.top as usize)?;
    let lines: Vec<Line<'_>> = (1..)
        .zip(hits.iter().flatten())
        .map(|(rank, hit)| Line {
            rank,
            index: hit.index,
            score: hit.score,
            text: &texts[hit.index],
        })
        .collect();
    if arguments.json {
        print_lines(&lines)
    } else {
        print_table(&lines)
    }
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
