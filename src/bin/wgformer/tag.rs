//! `tag`: what texts name.

use std::io::Write;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use wgformer::tasks::{Aggregation, Entity, StreamOptions, TagOptions, Tagger, Tagging};

use crate::bulk::drain;
use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::overflow::OverflowArgs;
use crate::progress::Progress;
use crate::rows::{Column, Rows};

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
    let progress = Progress::new(texts.total, "texts");
    let mut table = table(texts.total, tagger.model().labels());
    let mut stdout = Output::stdout();
    let stream = tagger.stream(texts.texts, &options, &StreamOptions::default());
    let mut index = 0;
    drain(stream, progress, |next| {
        let Some((text, tagging)) = next else {
            return Ok(stdout.flush()?);
        };
        if arguments.json {
            let line = Line {
                index,
                text: &text,
                cut: tagging.is_cut,
                entities: tagging.entities.iter().map(Found::from).collect(),
            };
            write_line(&mut stdout, &line)?;
        } else {
            write_rows(&mut stdout, &mut table, index + 1, &tagging)?;
        }
        index += 1;
        Ok(())
    })?;
    if !arguments.json && table.is_empty() {
        writeln!(stdout, "nothing is named in the texts")?;
    }
    stdout.finish()
}

/// As wide as the labels of entities may be.
fn table(total: Option<u64>, labels: &[String]) -> Rows {
    let width = labels.iter().map(|label| label.chars().count()).max();
    let columns = vec![
        Column::places("line", total),
        Column::number("score", 5),
        Column::words("label", width.unwrap_or_default()),
    ];
    Rows::new(columns, "text")
}

/// `number`: the text's, counted from 1. After the entities of a text that was cut a row says so.
fn write_rows(stdout: &mut Output, table: &mut Rows, number: usize, found: &Tagging) -> Result<()> {
    let number = number.to_string();
    for entity in &found.entities {
        let [label, text] = [&entity.label, &entity.text].map(|it| printable(it));
        let score = format!("{:.3}", entity.score);
        table.write(stdout, &[number.clone(), score, label, text])?;
    }
    if found.is_cut {
        let nothing = String::new;
        table.write(stdout, &[number, nothing(), nothing(), "(cut)".to_owned()])?;
    }
    Ok(())
}
