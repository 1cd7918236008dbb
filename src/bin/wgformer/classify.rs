//! `classify`: the labels of each text.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::AtomicUsize;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::tasks::{
    Classification, Classifier, Label, Passage, Stream, StreamOptions, ZeroShot, ZeroShotOptions,
};

use crate::Usage;
use crate::bulk::drain_parts;
use crate::input::{InputArgs, Texts};
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::overflow::{OverflowArgs, Part, Place};
use crate::pairs::{Input, PairArgs};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pairs: PairArgs,
    /// Show this many labels of each text [default: all of them].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Labels of your own, which a model for natural language inference tells apart.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    labels: Vec<String>,
    /// With --labels: any number of them may be right.
    #[arg(long, requires = "labels")]
    multi_label: bool,
    /// With --labels: the sentence that is to follow from a text, {} being the label [default: This example is {}.].
    #[arg(long, value_name = "SENTENCE", requires = "labels")]
    template: Option<String>,
    #[command(flatten)]
    long: OverflowArgs,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

/// A model with labels of its own, or one that takes any.
#[derive(Clone)]
enum Model {
    Own(Classifier),
    Any(ZeroShot, Vec<String>, ZeroShotOptions),
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    #[serde(flatten)]
    place: Option<Place>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    labels: Vec<Score<'a>>,
}

#[derive(Serialize)]
struct Score<'a> {
    label: &'a str,
    score: f32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.pairs.check(&arguments.long)?;
    let texts = arguments.input.open()?;
    let model = arguments.load()?;
    let parts = arguments.parts(&model, texts);
    let progress = Progress::new(parts.total, "texts");
    let mut stdout = Output::stdout();
    let first = AtomicUsize::new(0);
    let drained = drain_parts(model.stream(parts)?, progress, &first, |next| match next {
        Some((part, classification)) => {
            let line = arguments.line(&part, &classification);
            write(&mut stdout, &line, arguments.json)
        }
        None => Ok(stdout.flush()?),
    });
    arguments.pairs.of_texts(drained)?;
    stdout.finish()
}

impl Arguments {
    fn parts(&self, model: &Model, texts: Texts) -> Texts<Part<Input>> {
        let model = model.clone();
        let inputs = self.pairs.read(texts);
        self.long
            .read(inputs, move |text, overlap| model.passages(text, overlap))
    }

    fn line<'a>(&self, part: &'a Part<Input>, found: &'a Classification) -> Line<'a> {
        let top = self.top.map_or(usize::MAX, |top| top as usize);
        let labels = found.labels.iter().take(top);
        let labels = labels.map(|Label { label, score, .. }| Score {
            label,
            score: *score,
        });
        Line {
            index: part.index,
            place: part.place(),
            text: &part.text.text,
            pair: part.text.pair.as_deref(),
            cut: found.is_cut,
            labels: labels.collect(),
        }
    }

    fn load(&self) -> Result<Model> {
        let labels = self.labels.iter().map(|label| label.trim());
        let labels = labels.filter(|label| !label.is_empty());
        let labels: Vec<String> = labels.map(str::to_owned).collect();
        if labels.is_empty() && !self.labels.is_empty() {
            return Err(Usage("--labels names no label").into());
        }
        if labels.iter().collect::<BTreeSet<_>>().len() < labels.len() {
            return Err(Usage("--labels names a label twice").into());
        }
        if labels.is_empty() {
            let load =
                |gpu: &_, directory: &_, options: &_| Classifier::load(gpu, directory, options);
            let classifier = self.model.load(load, |it| vec![it.model().plan()])?;
            return Ok(Model::Own(
                classifier.refuse_long_texts(self.long.refuses()),
            ));
        }
        if self.pairs.are_asked_for() {
            return Err(
                Usage("--labels makes pairs of its own: leave --pair and --pairs out").into(),
            );
        }
        let load = |gpu: &_, directory: &_, options: &_| ZeroShot::load(gpu, directory, options);
        let model = self.model.load(load, |it| vec![it.model().plan()])?;
        let model = model.refuse_long_texts(self.long.refuses());
        let mut options = ZeroShotOptions::default().multi_label(self.multi_label);
        if let Some(template) = &self.template {
            options = options.template(template);
        }
        Ok(Model::Any(model, labels, options))
    }
}

impl Model {
    fn stream(
        &self,
        parts: Texts<Part<Input>>,
    ) -> Result<Stream<Part<Input>, anyhow::Error, Classification>> {
        let stream = StreamOptions::default();
        match self {
            Self::Own(classifier) => Ok(classifier.stream(parts.texts, &stream)),
            Self::Any(model, labels, options) => {
                Ok(model.stream(parts.texts, labels, options, &stream)?)
            }
        }
    }

    fn passages<'a>(&self, text: &'a str, overlap: usize) -> wgformer::Result<Vec<Passage<'a>>> {
        match self {
            Self::Own(classifier) => classifier.passages(text, overlap),
            Self::Any(model, labels, options) => model.passages(text, labels, options, overlap),
        }
    }
}

fn write(stdout: &mut Output, line: &Line<'_>, json: bool) -> Result<()> {
    if json {
        return write_line(stdout, line);
    }
    let scores = line.labels.iter();
    let scores = scores.map(|score| format!("{} {:.3}", printable(score.label), score.score));
    let scores: Vec<String> = scores.collect();
    let pair = line.pair.map(|pair| format!(" | {}", printable(pair)));
    let place = line.place.map(|place| format!("   {place}"));
    let [pair, place] = [pair, place].map(Option::unwrap_or_default);
    let (scores, text) = (scores.join(", "), printable(line.text));
    let end = if line.cut { " (cut)" } else { "" };
    writeln!(stdout, "{scores}{place}   {text}{pair}{end}")?;
    Ok(())
}
