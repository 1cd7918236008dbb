//! `classify`: the labels of each text.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::plan::Control;
use wgformer::tasks::{Classifier, Label, Passage, ZeroShot, ZeroShotOptions};
use wgformer::text::Text;

use crate::Usage;
use crate::input::InputArgs;
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::overflow::{OverflowArgs, Part, Place};
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
    #[command(flatten)]
    long: OverflowArgs,
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
    arguments.check()?;
    let texts = arguments.input.open()?;
    let model = arguments.load()?;
    let mut stdout = Output::stdout();
    texts.in_pieces(|first, texts, control| {
        let parts = arguments.parts(&model, first, &texts)?;
        let read: Vec<Text<'_>> = parts.iter().map(|part| part.text).collect();
        let labels = model.classify(&read, control);
        let labels = labels.map_err(|error| error.renumbered(|it| parts[it].index - first))?;
        let cut = arguments.long.cut(read.len(), || model.are_cut(&read))?;
        for ((part, labels), cut) in parts.iter().zip(&labels).zip(cut) {
            let line = arguments.line(part, labels, cut);
            write(&mut stdout, &line, arguments.json)?;
        }
        Ok(())
    })?;
    stdout.finish()
}

impl Arguments {
    fn check(&self) -> Result<()> {
        if self.pairs.are_asked_for() && self.long.splits() {
            let message = "--overflow chunk splits single texts: leave --pair and --pairs out, or let what is too long be cut";
            return Err(Usage(message).into());
        }
        Ok(())
    }

    /// What is read of texts, of which the first has the number `first`.
    fn parts<'a>(
        &'a self,
        model: &Model,
        first: usize,
        texts: &'a [String],
    ) -> Result<Vec<Part<Text<'a>>>> {
        if self.pairs.are_asked_for() {
            let pairs = self.pairs.split(first, texts)?;
            let numbered = (first..).zip(pairs);
            return Ok(numbered
                .map(|(index, pair)| Part::whole(index, pair))
                .collect());
        }
        let passages = |text, overlap| model.passages(text, overlap);
        let parts = self.long.parts(first, texts, passages)?.into_iter();
        Ok(parts.map(|part| part.map(Text::One)).collect())
    }

    fn line<'a>(&self, part: &Part<Text<'a>>, labels: &'a [Label], cut: bool) -> Line<'a> {
        let top = self.top.map_or(usize::MAX, |top| top as usize);
        let labels = labels.iter().take(top);
        let labels = labels.map(|Label { label, score, .. }| Score {
            label,
            score: *score,
        });
        let (text, pair) = match part.text {
            Text::One(text) => (text, None),
            Text::Pair(text, pair) => (text, Some(pair)),
        };
        Line {
            index: part.index,
            place: part.place(),
            text,
            pair,
            cut,
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
    fn classify(
        &self,
        texts: &[Text<'_>],
        control: Control<'_>,
    ) -> wgformer::Result<Vec<Vec<Label>>> {
        match self {
            Self::Own(classifier) => classifier.classify_with(texts.iter().copied(), control),
            Self::Any(model, labels, options) => {
                model.classify_with(&singles(texts), labels, options, control)
            }
        }
    }

    fn passages<'a>(&self, text: &'a str, overlap: usize) -> wgformer::Result<Vec<Passage<'a>>> {
        match self {
            Self::Own(classifier) => classifier.passages(text, overlap),
            Self::Any(model, labels, options) => model.passages(text, labels, options, overlap),
        }
    }

    fn are_cut(&self, texts: &[Text<'_>]) -> wgformer::Result<Vec<bool>> {
        match self {
            Self::Own(classifier) => classifier.are_cut(texts.iter().copied()),
            Self::Any(model, labels, options) => model.are_cut(&singles(texts), labels, options),
        }
    }
}

/// Labels of one's own make pairs themselves, of single texts.
fn singles<'a>(texts: &[Text<'a>]) -> Vec<&'a str> {
    let first = |text: &Text<'a>| match *text {
        Text::One(text) | Text::Pair(text, _) => text,
    };
    texts.iter().map(first).collect()
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
