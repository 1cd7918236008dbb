//! `fill`: what could stand where a text has a mask.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use wgformer::tasks::{Filler, Filling};

use crate::Usage;
use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::overflow::Overflow;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    /// How many tokens to show for each mask.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    /// What to do with a text that is longer than the model takes: cut it, or end with an error that names it.
    #[arg(long, value_enum, default_value_t = Overflow::Truncate)]
    overflow: Overflow,
    #[command(flatten)]
    model: TaskModelArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
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
    if arguments.overflow == Overflow::Chunk {
        let message = "what a mask stands for depends on all of its text: fill takes --overflow truncate and --overflow error";
        return Err(Usage(message).into());
    }
    let texts = arguments.input.open()?;
    let load = |gpu: &_, directory: &_, options: &_| Filler::load(gpu, directory, options);
    let filler = arguments.model.load(load, |it| it.model().plans())?;
    let mut stdout = Output::stdout();
    texts.in_pieces(|first, texts, _| {
        for (index, text) in (first..).zip(&texts) {
            let cut = filler.is_cut(text)?;
            if cut && arguments.overflow == Overflow::Error {
                let most = filler.model().encoder().max_tokens();
                return Err(wgformer::Error::TooLong { index, most }.into());
            }
            let masks = filler.fill(text, arguments.top as usize);
            let masks = masks.map_err(|error| anyhow!("text {index}: {error}"))?;
            let line = Line {
                index,
                text,
                cut,
                masks: masks.iter().map(|it| tokens(it)).collect(),
            };
            write(&mut stdout, &line, arguments.json)?;
        }
        Ok(())
    })?;
    stdout.finish()
}

fn write(stdout: &mut Output, line: &Line<'_>, json: bool) -> Result<()> {
    if json {
        return write_line(stdout, line);
    }
    let end = if line.cut { " (cut)" } else { "" };
    writeln!(stdout, "{}{end}", printable(line.text))?;
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
