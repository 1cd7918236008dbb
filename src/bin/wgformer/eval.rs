//! `eval`: how good a model is, on what is known to be right.

mod classify;
mod page;
mod report;
mod rerank;
mod similarity;
mod tag;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};
use wgformer::evaluation::TagScheme;
use wgformer::plan::Control;

use crate::Usage;
use crate::input::records::{Field, Record, RecordsArgs};
use crate::model_args::TaskModelArgs;
use crate::output::{Output, print_document};
use crate::overflow::OverflowArgs;
use crate::progress::Progress;
use report::Report;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What the model is for, and what records have.
    #[arg(long, value_enum)]
    task: Task,
    #[command(flatten)]
    data: RecordsArgs,
    /// The field or column of what the model reads [default: text; of tag tokens, of rerank text or document, of similarity
    /// text1 or sentence1].
    #[arg(long, value_name = "NAME")]
    text_field: Option<String>,
    /// That of the second text [default: of classify pair, if it is there; of similarity text2 or sentence2].
    #[arg(long, value_name = "NAME")]
    pair_field: Option<String>,
    /// That of what is right [default: label; of tag tags or ner_tags, of rerank label or relevance, of similarity score].
    #[arg(long, value_name = "NAME")]
    label_field: Option<String>,
    /// With rerank: that of the query [default: query].
    #[arg(long, value_name = "NAME")]
    query_field: Option<String>,
    /// With classify and tag, where labels are numbers: the names of the labels 0, 1 and so on, as the model has them.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    label_names: Vec<String>,
    /// With tag: how tags say where entities are; all but lenient count only entities that are tagged just so.
    #[arg(long, value_enum, default_value_t = Scheme::Lenient)]
    scheme: Scheme,
    /// With rerank: count the first N of each query alone, as MRR@N and nDCG@N.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    at: Option<u32>,
    /// With rerank: by late interaction, with a model for that (ColBERT, BGE-M3), rather than by a cross-encoder.
    #[arg(long)]
    late: bool,
    #[command(flatten)]
    long: OverflowArgs,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
    /// A file for a page of it too, with the confusion matrix.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    model: TaskModelArgs,
}

/// `--task`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Task {
    /// A text, perhaps a pair, and its label: accuracy, precision, recall and F1.
    Classify,
    /// Tokens, and a tag for each: precision, recall and F1 of whole entities.
    Tag,
    /// A query, and a text with its relevance, or lists of texts, positive and negative: MRR and nDCG.
    Rerank,
    /// Two texts and a score: the correlation with the cosine of their vectors.
    Similarity,
}

/// `--scheme`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scheme {
    /// Whatever looks like an entity is one, as seqeval has it by default.
    Lenient,
    /// B begins only what follows another of its name.
    Iob1,
    /// B begins every entity.
    Iob2,
    /// E ends only what another of its name follows.
    Ioe1,
    /// E ends every entity.
    Ioe2,
    /// As iob2, and E ends an entity, S is one by itself.
    Iobes,
    /// The same with L and U.
    Bilou,
}

impl From<Scheme> for TagScheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Lenient => Self::Lenient,
            Scheme::Iob1 => Self::Iob1,
            Scheme::Iob2 => Self::Iob2,
            Scheme::Ioe1 => Self::Ioe1,
            Scheme::Ioe2 => Self::Ioe2,
            Scheme::Iobes => Self::Iobes,
            Scheme::Bilou => Self::Bilou,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // What can fail at once fails before the model is loaded.
    arguments.check()?;
    let page = arguments.html.as_deref();
    let page = page.map(|path| Output::create(Some(path))).transpose()?;
    let report = match arguments.task {
        Task::Classify => classify::measure(arguments)?,
        Task::Tag => tag::measure(arguments)?,
        Task::Rerank => rerank::measure(arguments)?,
        Task::Similarity => similarity::measure(arguments)?,
    };
    if let Some(output) = page {
        page::write(output, &report)?;
    }
    if arguments.json {
        return print_document(&report);
    }
    report.print()
}

impl Arguments {
    fn check(&self) -> Result<()> {
        let is = |task| self.task == task;
        let message = if self.long.splits() && !is(Task::Tag) {
            "--overflow chunk goes with --task tag alone, which puts together what passages have"
        } else if self.html.as_deref() == Some(Path::new("-")) {
            "--html names a file: on standard output is the table, or with --json the document"
        } else if (self.at.is_some() || self.late) && !is(Task::Rerank) {
            "--at and --late go with --task rerank"
        } else if self.scheme != Scheme::Lenient && !is(Task::Tag) {
            "--scheme goes with --task tag"
        } else if !self.label_names.is_empty() && !is(Task::Tag) && !is(Task::Classify) {
            "--label-names goes with --task classify and --task tag"
        } else {
            return Ok(());
        };
        Err(Usage(message).into())
    }

    fn text(&self, usual: &'static [&'static str]) -> Field<'_> {
        Field::new("--text-field", self.text_field.as_ref(), usual)
    }

    fn pair(&self, usual: &'static [&'static str]) -> Field<'_> {
        Field::new("--pair-field", self.pair_field.as_ref(), usual)
    }

    fn label(&self, usual: &'static [&'static str]) -> Field<'_> {
        Field::new("--label-field", self.label_field.as_ref(), usual)
    }

    fn query(&self) -> Field<'_> {
        Field::new("--query-field", self.query_field.as_ref(), &["query"])
    }

    fn report(&self, adapter: &wgformer::models::Model, run: Run, found: report::Found) -> Report {
        Report {
            model: self.model.name().to_owned(),
            adapter: adapter.plan().gpu().capabilities().to_string(),
            data: self.data.data.display().to_string(),
            texts: run.texts,
            cut: run.cut,
            seconds: run.seconds,
            texts_per_second: run.texts as f64 / run.seconds.max(1e-9),
            found,
        }
    }
}

/// What ran.
struct Run {
    /// Or pairs, as the model read them.
    texts: usize,
    /// Of how many only a part was read.
    cut: usize,
    seconds: f64,
}

/// Runs all texts with a progress bar, and says how long that took.
fn timed<T>(
    texts: usize,
    run: impl FnOnce(&mut Progress) -> wgformer::Result<T>,
) -> wgformer::Result<(T, f64)> {
    let mut progress = Progress::new(Some(texts as u64), "texts");
    let started = Instant::now();
    Ok((run(&mut progress)?, started.elapsed().as_secs_f64()))
}

/// Tells how many of so many texts are done, of which a text may be several to the model.
fn watched(progress: &mut Progress, texts: usize) -> Control<'_> {
    Control::new().progress(move |now| progress.reach((now.done * texts / now.total) as u64))
}

fn count(cut: &[bool]) -> usize {
    cut.iter().filter(|is_cut| **is_cut).count()
}

/// The model's name of a label, which may be the number of one of `--label-names`.
///
/// # Errors
/// If it has none of that name, in words that follow "has".
fn known<'a>(
    record: &Record,
    label: &'a str,
    names: &'a [String],
    labels: &[String],
) -> Result<&'a str> {
    let place = label.parse::<usize>().ok();
    let is_known = |name: &str| labels.iter().any(|it| it == name);
    let named = match place.filter(|_| !is_known(label)) {
        Some(place) => names.get(place).map_or(label, |name| name.trim()),
        None => label,
    };
    if is_known(named) {
        return Ok(named);
    }
    let advice = match place {
        Some(_) if names.is_empty() => {
            "; if numbers are places in a list of names, give it by --label-names"
        }
        _ => "",
    };
    Err(record.error(format!(
        "has the label {named:?}, which is none of the model's, {}{advice}",
        labels.join(", ")
    )))
}
