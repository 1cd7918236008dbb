//! `embed`: texts to vectors.

mod format;
mod npy;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::lines::{self, Lines};
use crate::model_args::{ModelArgs, PoolingChoice};
use crate::progress::Progress;
use format::Writer;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The texts.
    #[arg(value_name = "TEXT", required_unless_present = "input")]
    texts: Vec<String>,
    /// A file with one text per line, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "texts")]
    input: Option<PathBuf>,
    /// Where to write; the file appears only when it is whole.
    #[arg(long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// A JSON line per text, or one NumPy array.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// How tokens become one vector; none gives one per token [default: as the model says, else mean].
    #[arg(long, value_enum)]
    pooling: Option<PoolingChoice>,
    /// Do not bring vectors to length 1 even if the model says so.
    #[arg(long)]
    no_normalize: bool,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Npy,
}

/// Texts that are embedded together: enough to sort by length, few enough to hold.
const WINDOW: usize = 1024;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let per_token = arguments.pooling == Some(PoolingChoice::None);
    // What can fail at once fails before the model is loaded.
    let mut texts: Box<dyn Iterator<Item = Result<String>>> = match &arguments.input {
        Some(path) => Box::new(Lines::open(path)?),
        None => Box::new(arguments.texts.iter().cloned().map(Ok)),
    };
    let total = arguments
        .input
        .as_deref()
        .map_or(Some(arguments.texts.len() as u64), lines::count);
    let mut writer = Writer::create(arguments.format, arguments.output.as_deref(), per_token)?;
    let embedder = arguments
        .model
        .load(arguments.pooling, arguments.no_normalize)?;

    let mut progress = Progress::new(total, "texts");
    let mut first = 0;
    loop {
        let window = texts
            .by_ref()
            .take(WINDOW)
            .collect::<Result<Vec<String>>>()?;
        if window.is_empty() {
            break;
        }
        let embedded = embedder.embeddings_with_progress(&window, |texts| progress.advance(texts));
        let embeddings = pollster::block_on(embedded).map_err(|error| name_text(error, first))?;
        for (index, (text, embedding)) in (first..).zip(window.iter().zip(&embeddings)) {
            writer.write(index, text, embedding, embedder.dimensions())?;
        }
        first += window.len();
    }
    writer.finish(embedder.dimensions())
}

/// The library counts texts from the start of its call; people from the start of the file.
fn name_text(error: wgformer::Error, first: usize) -> wgformer::Error {
    match error {
        wgformer::Error::Overflow { index, value } => wgformer::Error::Overflow {
            index: first + index,
            value,
        },
        other => other,
    }
}
