//! `summarize`: the sentences of a text that are most alike to all others.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use wgformer::plan::Control;
use wgformer::tasks::{EmbedderOptions, Sentence};

use crate::model_args::ModelArgs;
use crate::output::{Output, printable};
use crate::progress::Progress;
use crate::ranking;
use crate::source::read_text;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The text.
    #[arg(required_unless_present = "input")]
    text: Option<String>,
    /// A file that is one text as a whole, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "text")]
    input: Option<PathBuf>,
    /// How many sentences to pick.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    sentences: u32,
    /// A JSON line per sentence, the most central first.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let text = match (&arguments.input, &arguments.text) {
        (Some(path), _) => read_text(path)?,
        (None, text) => text.clone().unwrap_or_default(),
    };
    let embedder = arguments.model.load(EmbedderOptions::default())?;
    let mut progress: Option<Progress> = None;
    let control = Control::new().progress(|now| {
        let of_all = || Progress::new(Some(now.total as u64), "sentences");
        progress.get_or_insert_with(of_all).reach(now.done as u64);
    });
    let count = arguments.sentences as usize;
    let mut summary = embedder.summarize_with(&text, count, control)?;
    drop(progress);
    if arguments.json {
        return ranking::print_json(summary.iter().map(|it| (it.index, it.score, &it.text[..])));
    }
    summary.sort_by_key(|sentence| sentence.index);
    print(&summary)
}

fn print(summary: &[Sentence]) -> Result<()> {
    let mut stdout = Output::stdout();
    writeln!(
        stdout,
        "extractive: sentences of the text as they stand there, the most central of all\n"
    )?;
    for sentence in summary {
        writeln!(stdout, "{}", printable(&sentence.text))?;
    }
    stdout.finish()
}
