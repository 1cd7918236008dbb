//! `rerank`: the lines of a file, those that answer a query best first.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use wgformer::plan::Control;
use wgformer::tasks::Reranker;

use crate::lines::Lines;
use crate::model_args::TaskModelArgs;
use crate::progress::Progress;
use crate::ranking;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What is asked.
    query: String,
    /// A file with one text per line, or - for standard input.
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
    /// How many lines to show [default: all of them].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = Lines::open(&arguments.input)?.collect::<Result<Vec<String>>>()?;
    let load = |gpu: &_, directory: &_, options: &_| Reranker::load(gpu, directory, options);
    let reranker = arguments.model.load(load, |it| it.model().plan())?;
    let mut progress = Progress::new(Some(texts.len() as u64), "texts");
    let mut told = 0;
    let control = Control::new().progress(|now| {
        progress.advance(now.done - told);
        told = now.done;
    });
    let ranked = reranker.rank_with(&arguments.query, &texts, control)?;
    drop(progress);
    let top = arguments.top.map_or(usize::MAX, |top| top as usize);
    let best = ranked.iter().take(top).map(|it| (it.index, it.score));
    ranking::print(best, &texts, arguments.json)
}
