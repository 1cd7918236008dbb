//! `tag`: what texts name.

use std::io::Write;

use anyhow::Result;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use wgformer::tasks::{Aggregation, Entity, TagOptions, Tagger};

use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::overflow::OverflowArgs;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    /// How the model's tags of tokens become entities.
    #[arg(long, value_enum, default_value_t = AggregationChoice::Simple)]
    aggregation: AggregationChoice,
    #[command(flatten)]
    long: OverflowArgs,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    entities: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    label: &'a str,
    start: usize,
    end: usize,
    text: &'a str,
    score: f32,
    /// The first, and the one after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<[usize; 2]>,
}

impl<'a> From<&'a Entity> for Found<'a> {
    fn from(entity: &'a Entity) -> Self {
        Self {
            label: &entity.label,
            start: entity.start,
            end: entity.end,
            text: &entity.text,
            score: entity.score,
            words: entity.words.as_ref().map(|words| [words.start, words.end]),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?;
    let load = |gpu: &_, directory: &_, options: &_| Tagger::load(gpu, directory, options);
    let tagger = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let long = &arguments.long;
    let tagger = tagger.refuse_long_texts(long.refuses());
    let mut options = arguments.aggregation.options();
    if long.splits() {
        options = options.stride(long.overlap as usize);
    }
    let (mut stdout, mut table) = (Output::stdout(), table());
    texts.in_pieces(|first, texts, control| {
        let tagged = tagger.tag_with(&texts, &options, control)?;
        let cut = long.cut(texts.len(), || tagger.are_cut(&texts))?;
        for (((index, text), entities), cut) in (first..).zip(&texts).zip(&tagged).zip(cut) {
            if arguments.json {
                let entities = entities.iter().map(Found::from).collect();
                let line = Line {
                    index,
                    text,
                    cut,
                    entities,
                };
                write_line(&mut stdout, &line)?;
            } else {
                add_rows(&mut table, index + 1, entities);
            }
        }
        Ok(())
    })?;
    if !arguments.json {
        match table.is_empty() {
            true => writeln!(stdout, "nothing is named in the texts")?,
            false => writeln!(stdout, "{}", table.trim_fmt())?,
        }
    }
    stdout.finish()
}

fn table() -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(["line", "score", "label", "text"]);
    for column in table.column_iter_mut().take(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// `number`: the text's, counted from 1.
fn add_rows(table: &mut Table, number: usize, entities: &[Entity]) {
    for entity in entities {
        let (number, score) = (number.to_string(), format!("{:.3}", entity.score));
        let [label, text] = [&entity.label, &entity.text].map(|it| printable(it));
        table.add_row([number, score, label, text]);
    }
}
