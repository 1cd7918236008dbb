//! `classify`: the labels of each text.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::plan::Control;
use wgformer::tasks::{Classifier, Label, ZeroShot, ZeroShotOptions};
use wgformer::text::Text;

use crate::Usage;
use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::pairs::PairArgs;

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
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

/// A model with labels of its own, or one that takes any.
enum Model {
    Own(Classifier),
    Any(ZeroShot, Vec<String>, ZeroShotOptions),
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a str>,
    labels: Vec<Score<'a>>,
}

#[derive(Serialize)]
struct Score<'a> {
    label: &'a str,
    score: f32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let texts = arguments.input.open()?;
    let model = arguments.load()?;
    let mut stdout = Output::stdout();
    texts.in_pieces(|first, texts, control| {
        let texts = arguments.pairs.split(first, &texts)?;
        let labels = model.classify(&texts, control)?;
        for ((index, text), labels) in (first..).zip(&texts).zip(labels) {
            let top = arguments.top.map_or(usize::MAX, |top| top as usize);
            let labels = labels.iter().take(top);
            let labels = labels.map(|Label { label, score, .. }| Score {
                label,
                score: *score,
            });
            let (text, pair) = match *text {
                Text::One(text) => (text, None),
                Text::Pair(text, pair) => (text, Some(pair)),
            };
            let line = Line {
                index,
                text,
                pair,
                labels: labels.collect(),
            };
            write(&mut stdout, &line, arguments.json)?;
        }
        Ok(())
    })?;
    stdout.finish()
}

impl Arguments {
    fn load(&self) -> Result<Model> {
        let labels = self.labels.iter().map(|label| label.trim());
        let labels = labels.filter(|label| !label.is_empty());
        let labels: Vec<String> = labels.map(str::to_owned).collect();
        if labels.is_empty() {
            let load =
                |gpu: &_, directory: &_, options: &_| Classifier::load(gpu, directory, options);
            let classifier = self.model.load(load, |it| vec![it.model().plan()])?;
            return Ok(Model::Own(classifier));
        }
        if self.pairs.are_asked_for() {
            return Err(
                Usage("--labels makes pairs of its own: leave --pair and --pairs out").into(),
            );
        }
        let load = |gpu: &_, directory: &_, options: &_| ZeroShot::load(gpu, directory, options);
        let model = self.model.load(load, |it| vec![it.model().plan()])?;
        let mut options = ZeroShotOptions::default().multi_label(self.multi_label);
        if let Some(template) = &self.template {
            options = options.template(template);
        }
        Ok(Model::Any(model, labels, options))
    }
}

impl Model {
    fn classify(&self, texts: &[Text<'_>], control: Control<'_>) -> Result<Vec<Vec<Label>>> {
        match self {
            Self::Own(classifier) => Ok(classifier.classify_with(texts.iter().copied(), control)?),
            Self::Any(model, labels, options) => {
                let first = |text: &Text<'_>| match *text {
                    Text::One(text) | Text::Pair(text, _) => text.to_owned(),
                };
                let texts: Vec<String> = texts.iter().map(first).collect();
                Ok(model.classify_with(&texts, labels, options, control)?)
            }
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
    let pair = line
        .pair
        .map_or(String::new(), |pair| format!(" | {}", printable(pair)));
    writeln!(
        stdout,
        "{}   {}{pair}",
        scores.join(", "),
        printable(line.text)
    )?;
    Ok(())
}
