//! `summarize`: the sentences of a text that are most alike to all others.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::Embedder;
use wgformer::plan::Control;
use wgformer::tasks::{EmbedderOptions, Sentence};

use crate::input::{InputArgs, Texts};
use crate::model_args::ModelArgs;
use crate::output::{Output, printable, write_line};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    /// How many sentences of each text to pick.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    sentences: u32,
    /// A JSON line per sentence, the most central of each text first.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<usize>,
    rank: usize,
    index: usize,
    score: f32,
    text: &'a str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let documents = arguments.input.open_documents()?;
    let is_one = documents.total == Some(1) && !arguments.input.has_records();
    let embedder = arguments.model.load(None, EmbedderOptions::default())?;
    let mut stdout = Output::stdout();
    if !arguments.json {
        writeln!(
            stdout,
            "extractive: sentences of the text as they stand there, the most central of all"
        )?;
    }
    let count = arguments.sentences as usize;
    each(documents, is_one, &embedder, count, |document, summary| {
        let document = (!is_one).then_some(document);
        if arguments.json {
            write_lines(&mut stdout, document, &summary)
        } else {
            write(&mut stdout, document, summary)
        }
    })?;
    stdout.finish()
}

/// Summarises one document after another. The bar is of sentences where there is one, else of documents.
fn each(
    Texts { texts, total }: Texts,
    is_one: bool,
    embedder: &Embedder,
    count: usize,
    mut write: impl FnMut(usize, Vec<Sentence>) -> Result<()>,
) -> Result<()> {
    let mut of_texts = Progress::new(total, "texts");
    for (document, text) in texts.enumerate() {
        let mut of_sentences: Option<Progress> = None;
        let control = Control::new().progress(|now| {
            let bar = || Progress::new(Some(now.total as u64), "sentences");
            if is_one {
                of_sentences.get_or_insert_with(bar).reach(now.done as u64);
            }
        });
        let summary = embedder.summarize_with(&text?, count, control)?;
        drop(of_sentences);
        write(document, summary)?;
        if !is_one {
            of_texts.advance(1);
        }
    }
    Ok(())
}

fn write_lines(stdout: &mut Output, document: Option<usize>, summary: &[Sentence]) -> Result<()> {
    for (rank, sentence) in (1..).zip(summary) {
        let line = Line {
            document,
            rank,
            index: sentence.index,
            score: sentence.score,
            text: &sentence.text,
        };
        write_line(stdout, &line)?;
    }
    Ok(())
}

/// As they stand in the text; people count documents from 1.
fn write(stdout: &mut Output, document: Option<usize>, mut summary: Vec<Sentence>) -> Result<()> {
    summary.sort_by_key(|sentence| sentence.index);
    writeln!(stdout)?;
    if let Some(document) = document {
        writeln!(stdout, "text {}:", document + 1)?;
    }
    for sentence in &summary {
        writeln!(stdout, "{}", printable(&sentence.text))?;
    }
    Ok(())
}
