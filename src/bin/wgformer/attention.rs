//! `attention`: which tokens of a text attend to which.

mod heat_map;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::tasks::{AttentionReader, AttentionToken, AttentionWeights};
use wgformer::text::Text;

use crate::model_args::ModelArgs;
use crate::output::{Output, write_line};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The text.
    text: String,
    /// A second text, which is read with it as a pair.
    #[arg(long, value_name = "TEXT")]
    pair: Option<String>,
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
    text: &'a str,
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

/// A special token, which is of no text, has no characters.
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
    let load = |gpu: &_, directory: &_, options: &_| {
        AttentionReader::load(gpu, directory, arguments.layer, options)
    };
    let model = &arguments.model;
    let reader = model.load_task(None, load, |it| it.layer().plans())?;
    let read = match &arguments.pair {
        Some(pair) => Text::Pair(&arguments.text, pair),
        None => Text::One(&arguments.text),
    };
    let attention = reader.read(read)?;
    let shown = Shown {
        arguments,
        weights: arguments.weights(&attention)?,
        tokens: &attention.tokens,
        heads: attention.heads,
        layers: reader.layer().layers(),
    };
    match page {
        Some(page) => heat_map::write(page, &shown),
        None if arguments.json => shown.print_document(),
        None => table::print(&shown),
    }
}

impl Arguments {
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
            text: &self.arguments.text,
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
