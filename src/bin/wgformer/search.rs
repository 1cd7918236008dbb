//! `search`: the lines of a file, nearest in meaning first.

use anyhow::{Result, anyhow};
use clap::Args;
use wgformer::index::{Index, IndexOptions};
use wgformer::plan::Control;
use wgformer::tasks::{EmbedderOptions, Embedding};
use wgformer::{Embedder, Error};

use crate::input::InputArgs;
use crate::model_args::ModelArgs;
use crate::overflow::OverflowArgs;
use crate::progress::Progress;
use crate::ranking::{self, Candidate};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to look for.
    query: String,
    #[command(flatten)]
    input: InputArgs,
    /// How many lines to show.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    #[command(flatten)]
    long: OverflowArgs,
    /// A JSON line per hit instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?.texts;
    let texts = texts.collect::<Result<Vec<String>>>()?;
    let long = &arguments.long;
    let options = EmbedderOptions::default().refuse_long_texts(long.refuses());
    let embedder = arguments.model.load(None, options)?;
    let query = embedding_of(&arguments.query, &embedder)?;
    let documents = embedder.for_documents()?;
    let parts = long.parts(0, &texts, |text, overlap| documents.passages(text, overlap))?;
    let mut progress = Progress::new(Some(parts.len() as u64), "texts");
    let control = Control::new().progress(|now| progress.reach(now.done as u64));
    let embeddings = documents.embeddings_with(&parts, control);
    let embeddings = embeddings.map_err(|error| error.renumbered(|part| parts[part].index))?;
    drop(progress);
    let cut: Vec<bool> = embeddings.iter().map(|it| it.is_cut).collect();
    let vectors: Vec<Vec<f32>> = embeddings.into_iter().map(|it| it.values).collect();
    let gpu = embedder.model().plan().gpu();
    let options = IndexOptions::default().metric(embedder.metric()?);
    let mut index = Index::new(gpu, embedder.dimensions(), &options)?;
    index.add(&vectors)?;
    let hits = index.search(&[query.values], arguments.top as usize)?;
    let best = hits.iter().flatten().map(|hit| Candidate {
        part: &parts[hit.index],
        score: hit.score,
        is_cut: cut[hit.index],
    });
    ranking::print(best, query.is_cut, arguments.json)
}

fn embedding_of(query: &str, embedder: &Embedder) -> Result<Embedding> {
    match embedder.for_queries()?.embeddings([query]) {
        Ok(mut embeddings) => Ok(embeddings.remove(0)),
        Err(Error::TooLong { most, .. }) => Err(anyhow!(
            "the query is longer than the {most} tokens that the model takes: shorten it, or let it be cut"
        )),
        Err(error) => Err(error.into()),
    }
}
