//! `fill`: what could stand where a text has a mask.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use wgformer::tasks::{Filler, Filling};

use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};

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
    #[command(flatten)]
    model: TaskModelArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    masks: Vec<Vec<Token<'a>>>,
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
    id: u32,
    score: f32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?;
    let load = |gpu: &_, directory: &_, options: &_| Filler::load(gpu, directory, options);
    let filler = arguments.model.load(load, |it| it.model().plans())?;
    let mut stdout = Output::stdout();
    texts.in_pieces(|first, texts, _| {
        for (index, text) in (first..).zip(&texts) {
            let masks = filler.fill(text, arguments.top as usize);
            let masks = masks.map_err(|error| anyhow!("text {}: {error}", index + 1))?;
            write(&mut stdout, index, text, &masks, arguments.json)?;
        }
        Ok(())
    })?;
    stdout.finish()
}

fn write(
    stdout: &mut Output,
    index: usize,
    text: &str,
    masks: &[Vec<Filling>],
    json: bool,
) -> Result<()> {
    if !json {
        writeln!(stdout, "{}", printable(text))?;
        for (number, fillings) in (1..).zip(masks) {
            let shown = fillings.iter();
            let shown = shown.map(|it| format!("{} {:.3}", printable(&it.token), it.score));
            let shown: Vec<String> = shown.collect();
            writeln!(stdout, "  {number}: {}", shown.join(", "))?;
        }
        return Ok(());
    }
    let line = Line {
        index,
        text,
        masks: masks.iter().map(|it| tokens(it)).collect(),
    };
    write_line(stdout, &line)
}

fn tokens(fillings: &[Filling]) -> Vec<Token<'_>> {
    let tokens = fillings.iter().map(|it| Token {
        token: &it.token,
        id: it.id,
        score: it.score,
    });
    tokens.collect()
}
