//! `tag`: what texts name.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use wgformer::plan::Control;
use wgformer::tasks::{Aggregation, Entity, TagOptions, Tagger};

use crate::lines::Lines;
use crate::model_args::ModelArgs;
use crate::output::{Output, print_lines, printable};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The texts.
    #[arg(value_name = "TEXT", required_unless_present = "input")]
    texts: Vec<String>,
    /// A file with one text per line, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "texts")]
    input: Option<PathBuf>,
    /// How the model's tags of tokens become entities.
    #[arg(long, value_enum, default_value_t = AggregationChoice::Simple)]
    aggregation: AggregationChoice,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// `--aggregation`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AggregationChoice {
    /// Every token with its label, those of no entity too.
    None,
    /// Neighbours with the same label.
    Simple,
    /// The same, and a word has the label of its first token.
    First,
    /// The same, and a word has the label that is best on average.
    Average,
    /// The same, and a word has the label of its surest token.
    Max,
}

impl AggregationChoice {
    fn options(self) -> TagOptions {
        let options = TagOptions::default();
        match self {
            Self::None => options
                .aggregation(Aggregation::None)
                .ignore_labels::<String>([]),
            Self::Simple => options.aggregation(Aggregation::Simple),
            Self::First => options.aggregation(Aggregation::First),
            Self::Average => options.aggregation(Aggregation::Average),
            Self::Max => options.aggregation(Aggregation::Max),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    entities: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    label: &'a str,
    start: usize,
    end: usize,
    text: &'a str,
    score: f32,
}

impl<'a> From<&'a Entity> for Found<'a> {
    fn from(entity: &'a Entity) -> Self {
        Self {
            label: &entity.label,
            start: entity.start,
            end: entity.end,
            text: &entity.text,
            score: entity.score,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = match &arguments.input {
        Some(path) => Lines::open(path)?.collect::<Result<Vec<String>>>()?,
        None => arguments.texts.clone(),
    };
    let tagger = arguments.model.load_for(Tagger::load, Tagger::model)?;
    let mut progress = Progress::new(Some(texts.len() as u64), "texts");
    let mut told = 0;
    let control = Control::new().progress(|now| {
        progress.advance(now.done - told);
        told = now.done;
    });
    let tagged = tagger.tag_with(&texts, &arguments.aggregation.options(), control)?;
    drop(progress);
    let texts = texts.iter().zip(&tagged).enumerate();
    let lines = texts.map(|(index, (text, entities))| Line {
        index,
        text,
        entities: entities.iter().map(Found::from).collect(),
    });
    let lines: Vec<Line<'_>> = lines.collect();
    if arguments.json {
        print_lines(&lines)
    } else {
        print_table(&lines)
    }
}

fn print_table(lines: &[Line<'_>]) -> Result<()> {
    let mut stdout = Output::stdout();
    if lines.iter().all(|line| line.entities.is_empty()) {
        writeln!(stdout, "nothing is named in the texts")?;
        return stdout.finish();
    }
    let mut table = comfy_table::Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_header(["line", "score", "label", "text"]);
    for column in table.column_iter_mut().take(2) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    for line in lines {
        for entity in &line.entities {
            let (number, score) = ((line.index + 1).to_string(), format!("{:.3}", entity.score));
            let [label, text] = [entity.label, entity.text].map(printable);
            table.add_row([number, score, label, text]);
        }
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    stdout.finish()
}
