//! `attention`: which tokens of a text attend to which.

mod heat_map;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use wgformer::Error;
use wgformer::models::{AttentionLayer, SentenceTransformer};
use wgformer::tasks::{AttentionReader, AttentionToken, AttentionWeights};
use wgformer::text::Text;

use crate::ids;
use crate::model_args::ModelArgs;
use crate::output::{Output, write_line};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The text.
    #[arg(required_unless_present = "ids")]
    text: Option<String>,
    /// A second text, which is read with it as a pair.
    #[arg(long, value_name = "TEXT")]
    pair: Option<String>,
    /// Token ids instead of a text, such as "5 17 3": what a model without a tokenizer reads.
    #[arg(long, value_name = "IDS", conflicts_with_all = ["text", "pair"])]
    ids: Option<String>,
    /// Which layer, counted from 0.
    #[arg(long, value_name = "N")]
    layer: usize,
    /// Which of its heads, counted from 0 [default: the mean of all].
    #[arg(long, value_name = "N")]
    head: Option<usize>,
    /// A JSON document on one line instead of a table.
    #[arg(long, conflicts_with = "html")]
    json: bool,
    /// Where to draw a heat map: a page that needs no other file; it appears only when it is whole.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

/// What is shown.
struct Shown<'a> {
    arguments: &'a Arguments,
    tokens: &'a [AttentionToken],
    /// Of the head, or the mean: `[queries, keys]`.
    weights: Vec<f32>,
    heads: usize,
    layers: usize,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    layer: usize,
    /// Null for the mean of all.
    head: Option<usize>,
    heads: usize,
    tokens: Vec<Token<'a>>,
    /// A list per query.
    weights: Vec<&'a [f32]>,
}

/// What is of no text, a special token or one that was given as its id, has no characters.
#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
    id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let page = arguments.html.as_deref();
    let page = page.map(|path| Output::create(Some(path))).transpose()?;
    let (attention, layers) = match (&arguments.ids, &arguments.text) {
        (Some(ids), _) => arguments.of_ids(ids)?,
        (None, text) => arguments.of_text(text.as_deref().unwrap_or_default())?,
    };
    let shown = Shown {
        arguments,
        weights: arguments.weights(&attention)?,
        tokens: &attention.tokens,
        heads: attention.heads,
        layers,
    };
    match page {
        Some(page) => heat_map::write(page, &shown),
        None if arguments.json => shown.print_document(),
        None => table::print(&shown),
    }
}

impl Arguments {
    /// With the number of layers that there are.
    fn of_text(&self, text: &str) -> Result<(AttentionWeights, usize)> {
        let load = |gpu: &_, directory: &_, options: &_| {
            AttentionReader::load(gpu, directory, self.layer, options)
        };
        let model = &self.model;
        let reader = model.load_task(None, load, |it| it.layer().plans());
        let reader = reader.map_err(|error| match error.downcast_ref() {
            Some(Error::Io { path, .. }) if path.ends_with("tokenizer.json") => {
                anyhow!("{error}; --ids gives token ids to a model that has no tokenizer")
            }
            _ => error,
        })?;
        let read = match &self.pair {
            Some(pair) => Text::Pair(text, pair),
            None => Text::One(text),
        };
        let weights = reader.read(read).map_err(|error| match error {
            Error::TooLong { most, .. } => anyhow!(
                "the text is longer than the {most} tokens that the model takes: shorten it"
            ),
            error => error.into(),
        });
        Ok((weights?, reader.layer().layers()))
    }

    /// With the number of layers that there are.
    fn of_ids(&self, ids: &str) -> Result<(AttentionWeights, usize)> {
        let ids = ids::parse(ids).map_err(|message| anyhow!("--ids: {message}"))?;
        let load = |gpu: &_, directory: &Path, options: &_| {
            let own = SentenceTransformer::read(directory)?;
            let most = own.max_tokens.unwrap_or(usize::MAX);
            AttentionLayer::load(gpu, &own.transformer, self.layer, most, options)
        };
        let layer = self.model.load_task(None, load, AttentionLayer::plans)?;
        Ok((AttentionWeights::of_ids(&layer, &ids)?, layer.layers()))
    }

    fn weights(&self, attention: &AttentionWeights) -> Result<Vec<f32>> {
        Ok(match self.head {
            Some(head) => attention.head(head)?.to_vec(),
            None => attention.mean(),
        })
    }
}

impl Shown<'_> {
    /// What a query takes from each key.
    fn rows(&self) -> impl Iterator<Item = (&AttentionToken, &[f32])> {
        let rows = self.weights.chunks_exact(self.tokens.len().max(1));
        self.tokens.iter().zip(rows)
    }

    fn title(&self) -> String {
        let layer = self.arguments.layer;
        match self.arguments.head {
            Some(head) => format!("Attention of layer {layer}, head {head}"),
            None => format!("Attention of layer {layer}, mean of {} heads", self.heads),
        }
    }

    fn print_document(&self) -> Result<()> {
        let token = |it: &'_ AttentionToken| (!it.origin.is_special).then_some(it.origin);
        let tokens = self.tokens.iter().map(|it| Token {
            token: &it.token,
            id: it.id,
            start: token(it).map(|origin| origin.start),
            end: token(it).map(|origin| origin.end),
        });
        let document = Document {
            text: self.arguments.text.as_deref(),
            pair: self.arguments.pair.as_deref(),
            layer: self.arguments.layer,
            head: self.arguments.head,
            heads: self.heads,
            tokens: tokens.collect(),
            weights: self.rows().map(|(_, row)| row).collect(),
        };
        let mut stdout = Output::stdout();
        write_line(&mut stdout, &document)?;
        stdout.finish()
    }
}
