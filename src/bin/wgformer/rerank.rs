//! `rerank`: the lines of a file, those that answer a query best first.

use anyhow::Result;
use clap::Args;
use wgformer::plan::Control;
use wgformer::tasks::{LateInteraction, Ranked, Reranker};

use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::progress::Progress;
use crate::ranking;

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
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?.texts;
    let texts = texts.collect::<Result<Vec<String>>>()?;
    let model = Model::load(arguments)?;
    let mut progress = Progress::new(Some(texts.len() as u64), "texts");
    let control = Control::new().progress(|now| progress.reach(now.done as u64));
    let ranked = model.rank(&arguments.query, &texts, control)?;
    drop(progress);
    let top = arguments.top.map_or(usize::MAX, |top| top as usize);
    let best = ranked.iter().take(top).map(|it| (it.index, it.score));
    ranking::print(best, &texts, arguments.json)
}

/// What ranks.
enum Model {
    Cross(Reranker),
    Late(LateInteraction),
}

impl Model {
    fn load(arguments: &Arguments) -> Result<Self> {
        let model = &arguments.model;
        if arguments.late {
            let load =
                |gpu: &_, folder: &_, options: &_| LateInteraction::load(gpu, folder, options);
            return model
                .load(load, |it| vec![it.model().plan()])
                .map(Self::Late);
        }
        let load = |gpu: &_, folder: &_, options: &_| Reranker::load(gpu, folder, options);
        model
            .load(load, |it| vec![it.model().plan()])
            .map(Self::Cross)
    }

    fn rank(
        &self,
        query: &str,
        texts: &[String],
        control: Control<'_>,
    ) -> wgformer::Result<Vec<Ranked>> {
        match self {
            Self::Cross(model) => model.rank_with(query, texts, control),
            Self::Late(model) => model.rank_with(query, texts, control),
        }
    }
}
