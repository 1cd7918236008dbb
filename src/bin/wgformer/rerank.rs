//! `rerank`: the lines of a file, those that answer a query best first.

use std::collections::HashSet;

use anyhow::Result;
use clap::Args;
use wgformer::plan::Control;
use wgformer::tasks::{LateInteraction, Passage, Ranked, Reranker, Side};

use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::overflow::OverflowArgs;
use crate::progress::Progress;
use crate::ranking::{self, Candidate};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What is asked.
    query: String,
    #[command(flatten)]
    input: InputArgs,
    /// How many lines to show [default: all of them].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// By late interaction, with a model for that (ColBERT, BGE-M3), rather than by a cross-encoder.
    #[arg(long)]
    late: bool,
    #[command(flatten)]
    long: OverflowArgs,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?.texts;
    let texts = texts.collect::<Result<Vec<String>>>()?;
    let refuses = arguments.long.refuses();
    let model = Model::load(&arguments.model, arguments.late, refuses)?;
    let (query, long) = (&arguments.query[..], &arguments.long);
    let parts = long.parts(0, &texts, |text, overlap| {
        model.passages(query, text, overlap)
    })?;
    let mut progress = Progress::new(Some(parts.len() as u64), "texts");
    let control = Control::new().progress(|now| progress.reach(now.done as u64));
    let ranked = model.rank(query, &parts, control);
    let ranked = ranked.map_err(|error| error.renumbered(|part| parts[part].index))?;
    drop(progress);
    let cut = long.cut(texts.len(), || model.are_cut(query, &texts))?;
    // A text is as good as its best passage.
    let mut seen = HashSet::new();
    let best = ranked
        .iter()
        .filter(|it| seen.insert(parts[it.index].index));
    let candidates = best.map(|it| Candidate {
        part: &parts[it.index],
        score: it.score,
        is_cut: cut[parts[it.index].index],
    });
    let top = arguments.top.map_or(usize::MAX, |top| top as usize);
    let query_is_cut = model.is_query_cut(query)?;
    ranking::print(candidates.take(top), query_is_cut, arguments.json)
}

/// What ranks.
pub(crate) enum Model {
    Cross(Reranker),
    Late(LateInteraction),
}

impl Model {
    /// `late`: by late interaction; `refuse`: whether a text that is too long is an error.
    pub(crate) fn load(model: &TaskModelArgs, late: bool, refuse: bool) -> Result<Self> {
        if late {
            let load =
                |gpu: &_, folder: &_, options: &_| LateInteraction::load(gpu, folder, options);
            let model = model.load(load, |it| vec![it.model().plan()])?;
            return Ok(Self::Late(model.refuse_long_texts(refuse)));
        }
        let load = |gpu: &_, folder: &_, options: &_| Reranker::load(gpu, folder, options);
        let model = model.load(load, |it| vec![it.model().plan()])?;
        Ok(Self::Cross(model.refuse_long_texts(refuse)))
    }

    pub(crate) fn rank<S: AsRef<str>>(
        &self,
        query: &str,
        texts: &[S],
        control: Control<'_>,
    ) -> wgformer::Result<Vec<Ranked>> {
        match self {
            Self::Cross(model) => model.rank_with(query, texts, control),
            Self::Late(model) => model.rank_with(query, texts, control),
        }
    }

    pub(crate) fn model(&self) -> &wgformer::models::Model {
        match self {
            Self::Cross(model) => model.model(),
            Self::Late(model) => model.model(),
        }
    }

    fn passages<'a>(
        &self,
        query: &str,
        text: &'a str,
        overlap: usize,
    ) -> wgformer::Result<Vec<Passage<'a>>> {
        match self {
            Self::Cross(model) => model.passages(query, text, overlap),
            Self::Late(model) => model.passages(Side::Document, text, overlap),
        }
    }

    /// Of a query that is read by itself: a cross-encoder reads it with each text, which is then said to be cut.
    fn is_query_cut(&self, query: &str) -> wgformer::Result<bool> {
        match self {
            Self::Cross(_) => Ok(false),
            Self::Late(model) => Ok(model.are_cut(Side::Query, &[query])?.contains(&true)),
        }
    }

    pub(crate) fn are_cut(&self, query: &str, texts: &[String]) -> wgformer::Result<Vec<bool>> {
        match self {
            Self::Cross(model) => model.are_cut(query, texts),
            Self::Late(model) => model.are_cut(Side::Document, texts),
        }
    }
}
