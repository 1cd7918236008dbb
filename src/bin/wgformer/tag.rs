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
use crate::pairs::{Input, PairArgs};
use crate::progress::Progress;
use crate::rows::{Column, Rows};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pairs: PairArgs,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    entities: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    label: &'a str,
    /// Of a pair, which text: 0 or 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<usize>,
    start: usize,
    end: usize,
    text: &'a str,
    score: f32,
    /// The first, and the one after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<[usize; 2]>,
}

impl<'a> Found<'a> {
    fn new(entity: &'a Entity, is_of_pair: bool) -> Self {
        Self {
            label: &entity.label,
            sequence: is_of_pair.then_some(entity.sequence),
            start: entity.start,
            end: entity.end,
            text: &entity.text,
            score: entity.score,
            words: entity.words.as_ref().map(|words| [words.start, words.end]),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.pairs.check(&arguments.long)?;
    let texts = arguments.pairs.read(arguments.input.open()?);
    let load = |gpu: &_, directory: &_, options: &_| Tagger::load(gpu, directory, options);
    let tagger = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let long = &arguments.long;
    let tagger = tagger.refuse_long_texts(long.refuses());
    let mut options = arguments.aggregation.options();
    if long.splits() {
        options = options.stride(long.overlap());
    }
    let progress = Progress::new(texts.total, "texts");
    let are_pairs = arguments.pairs.are_asked_for();
    let mut table = table(texts.total, are_pairs, tagger.model().labels());
    let mut stdout = Output::stdout();
    let stream = tagger.stream(texts.texts, &options, &StreamOptions::default());
    let mut index = 0;
    let drained = drain(stream, progress, |next| {
        let Some((Input { text, pair }, tagging)) = next else {
            return Ok(stdout.flush()?);
        };
        if arguments.json {
            let entities = tagging.entities.iter();
            let line = Line {
                index,
                text: &text,
                pair: pair.as_deref(),
                cut: tagging.is_cut,
                entities: entities.map(|it| Found::new(it, are_pairs)).collect(),
            };
            write_line(&mut stdout, &line)?;
        } else {
            write_rows(&mut stdout, &mut table, are_pairs, index + 1, &tagging)?;
        }
        index += 1;
        Ok(())
    });
    arguments.pairs.of_texts(drained)?;
    if !arguments.json && table.is_empty() {
        writeln!(stdout, "nothing is named in the texts")?;
    }
    stdout.finish()
}

/// As wide as the labels of entities may be; of pairs with which text an entity is of, 1 or 2.
fn table(total: Option<u64>, are_pairs: bool, labels: &[String]) -> Rows {
    let width = labels.iter().map(|label| label.chars().count()).max();
    let mut columns = vec![Column::places("line", total)];
    columns.extend(are_pairs.then(|| Column::number("of", 1)));
    columns.extend([
        Column::number("score", 5),
        Column::words("label", width.unwrap_or_default()),
    ]);
    Rows::new(columns, "text")
}

/// `number`: the text's, counted from 1. After the entities of a text that was cut a row says so.
fn write_rows(
    stdout: &mut Output,
    table: &mut Rows,
    are_pairs: bool,
    number: usize,
    found: &Tagging,
) -> Result<()> {
    let row = |of: String, cells: [String; 3]| {
        let of = are_pairs.then_some(of);
        let cells = [number.to_string()].into_iter().chain(of).chain(cells);
        cells.collect::<Vec<String>>()
    };
    for entity in &found.entities {
        let [label, text] = [&entity.label, &entity.text].map(|it| printable(it));
        let score = format!("{:.3}", entity.score);
        let of = (entity.sequence + 1).to_string();
        table.write(stdout, &row(of, [score, label, text]))?;
    }
    if found.is_cut {
        let nothing = String::new;
        let cells = [nothing(), nothing(), "(cut)".to_owned()];
        table.write(stdout, &row(nothing(), cells))?;
    }
    Ok(())
}
