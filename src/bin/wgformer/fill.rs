//! `fill`: what could stand where a text has a mask.

use std::io::Write;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use wgformer::tasks::{Filler, Filling, StreamOptions};

use crate::bulk::drain;
use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::overflow::unsplit;
use crate::pairs::{Input, PairArgs};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pairs: PairArgs,
    /// How many tokens to show for each mask.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    /// What to do with a text that is longer than the model takes.
    #[arg(long, value_enum, default_value_t = Overflow::Truncate)]
    overflow: Overflow,
    #[command(flatten)]
    model: TaskModelArgs,
}

/// `--overflow`, without passages: what a mask stands for depends on all of its text.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Overflow {
    /// Cut it; a mask must not be cut off.
    Truncate,
    /// End with an error that names the text.
    Error,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    masks: Vec<Vec<Token<'a>>>,
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
    id: u32,
    score: f32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.pairs.read(arguments.input.open()?);
    let load = |gpu: &_, directory: &_, options: &_| Filler::load(gpu, directory, options);
    let filler = arguments.model.load(load, |it| it.model().plans())?;
    let filler = filler.refuse_long_texts(arguments.overflow == Overflow::Error);
    let progress = Progress::new(texts.total, "texts");
    let (top, stream) = (arguments.top as usize, StreamOptions::default());
    let stream = filler.stream(texts.texts, top, &stream);
    let mut stdout = Output::stdout();
    let mut index = 0;
    let drained = drain(stream, progress, |next| {
        let Some((Input { text, pair }, filled)) = next else {
            return Ok(stdout.flush()?);
        };
        let line = Line {
            index,
            text: &text,
            pair: pair.as_deref(),
            cut: filled.is_cut,
            masks: filled.masks.iter().map(|it| tokens(it)).collect(),
        };
        index += 1;
        write(&mut stdout, &line, arguments.json)
    });
    unsplit(drained)?;
    stdout.finish()
}

fn write(stdout: &mut Output, line: &Line<'_>, json: bool) -> Result<()> {
    if json {
        return write_line(stdout, line);
    }
    let pair = line.pair.map(|pair| format!(" | {}", printable(pair)));
    let pair = pair.unwrap_or_default();
    let end = if line.cut { " (cut)" } else { "" };
    writeln!(stdout, "{}{pair}{end}", printable(line.text))?;
    for (number, fillings) in (1..).zip(&line.masks) {
        let shown = fillings.iter();
        let shown = shown.map(|it| format!("{} {:.3}", printable(it.token), it.score));
        let shown: Vec<String> = shown.collect();
        writeln!(stdout, "  {number}: {}", shown.join(", "))?;
    }
    Ok(())
}

fn tokens(fillings: &[Filling]) -> Vec<Token<'_>> {
    let tokens = fillings.iter().map(|it| Token {
        token: &it.token,
        id: it.id,
        score: it.score,
    });
    tokens.collect()
}
