//! `search`: the lines of a file, nearest in meaning first.

use anyhow::Result;
use clap::Args;
use wgformer::index::{Index, IndexOptions};
use wgformer::plan::Control;
use wgformer::tasks::EmbedderOptions;

use crate::input::InputArgs;
use crate::model_args::ModelArgs;
use crate::progress::Progress;
use crate::ranking;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to look for.
    query: String,
    #[command(flatten)]
    input: InputArgs,
    /// How many lines to show.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// A JSON line per hit instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?.texts;
    let texts = texts.collect::<Result<Vec<String>>>()?;
    let embedder = arguments.model.load(EmbedderOptions::default())?;
    let query = embedder.for_queries()?.embed(&[&arguments.query])?;
    let mut progress = Progress::new(Some(texts.len() as u64), "texts");
    let control = Control::new().progress(|now| progress.reach(now.done as u64));
    let vectors = embedder.for_documents()?.embed_with(&texts, control)?;
    drop(progress);
    let gpu = embedder.model().plan().gpu();
    let options = IndexOptions::default().metric(embedder.metric()?);
    let mut index = Index::new(gpu, embedder.dimensions(), &options)?;
    index.add(&vectors)?;
    let hits = index.search(&query, arguments.top as usize)?;
    let best = hits.iter().flatten().map(|hit| (hit.index, hit.score));
    ranking::print(best, &texts, arguments.json)
}
