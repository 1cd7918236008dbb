//! `fit`: a classifier of one's own labels, from examples.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use wgformer::logistic::{ClassWeight, Strength, Validation};
use wgformer::models::ClassifierFolder;
use wgformer::plan::Control;
use wgformer::tasks::{EmbedderOptions, FitOptions, FittedClassifier};

use crate::input::records::{Field, Record, RecordFormat, read};
use crate::model_args::ModelArgs;
use crate::numbers::table;
use crate::output::{Output, print_document, printable};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    /// A file of examples, each a text and its label: CSV with a header, a JSON object per line, or Parquet.
    #[arg(long, value_name = "FILE|-")]
    train: PathBuf,
    /// What the file is [default: by its name: jsonl for .jsonl, .ndjson and .json, parquet for .parquet, else csv].
    #[arg(long, value_enum)]
    train_format: Option<RecordFormat>,
    /// The field or column that is the text [default: text].
    #[arg(long, value_name = "NAME")]
    text_field: Option<String>,
    /// The field or column that is the label [default: label].
    #[arg(long, value_name = "NAME")]
    label_field: Option<String>,
    /// The folder to write, which appears only when it is whole; a classifier that is there is replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How much the examples count against the penalty of large coefficients, as scikit-learn's C [default: of 0.01, 0.1, 1,
    /// 10, 100 and 1000 the one that does best on examples that are held out].
    #[arg(long = "C", value_name = "NUMBER", value_parser = above_zero)]
    c: Option<f64>,
    /// How much each example counts.
    #[arg(long, value_enum, default_value_t = Weight::None)]
    class_weight: Weight,
    /// How many times a quarter of each label's examples is held out.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "c")]
    splits: u32,
    /// The seed of the first split, from which each further one counts up.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "c")]
    seed: u64,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// `--class-weight`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Weight {
    /// All the same.
    None,
    /// The examples of each label together the same.
    Balanced,
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    adapter: String,
    train: &'a Path,
    out: &'a Path,
    examples: usize,
    labels: Vec<Label<'a>>,
    class_weight: String,
    seed: Option<u64>,
    strengths: Vec<Tried<'a>>,
    c: f64,
    accuracy: f64,
}

#[derive(Serialize)]
struct Label<'a> {
    label: &'a str,
    examples: usize,
}

#[derive(Serialize)]
struct Tried<'a> {
    c: f64,
    /// Of what was held out.
    mean: f64,
    /// The standard deviation over splits.
    spread: f64,
    loss: f64,
    accuracies: &'a [f64],
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    match number > 0.0 && number.is_finite() {
        true => Ok(number),
        false => Err("must be above 0".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // What can fail at once fails before the model is loaded.
    ClassifierFolder::at(&arguments.out)?;
    let (texts, labels) = arguments.examples()?;
    let model = arguments.model.load(None, EmbedderOptions::default())?;
    let fitted = {
        let mut progress = Progress::new(Some(texts.len() as u64), "steps");
        let control = Control::new().progress(|now| {
            progress.set_total(now.total as u64);
            progress.reach(now.done as u64);
        });
        model.fit_with(&texts, &labels, &arguments.options(), control)?
    };
    fitted.save(&arguments.out)?;
    let adapter = model.model().plan().gpu().capabilities().to_string();
    let report = arguments.report(&fitted, adapter, texts.len());
    if arguments.json {
        return print_document(&report);
    }
    print(&report)
}

impl Arguments {
    /// Texts and their labels.
    fn examples(&self) -> Result<(Vec<String>, Vec<String>)> {
        let text = Field::new("--text-field", self.text_field.as_ref(), &["text"]);
        let label = Field::new("--label-field", self.label_field.as_ref(), &["label"]);
        let records = read(&self.train, self.train_format, &[text, label])?;
        let example = |record: &Record| Ok((record.text(text)?.to_owned(), record.label(label)?));
        let examples = records.iter().map(example).collect::<Result<Vec<_>>>()?;
        Ok(examples.into_iter().unzip())
    }

    fn options(&self) -> FitOptions {
        let weight = match self.class_weight {
            Weight::None => ClassWeight::None,
            Weight::Balanced => ClassWeight::Balanced,
        };
        let options = FitOptions::default().class_weight(weight);
        match self.c {
            Some(c) => options.c(c),
            None => {
                let validation = Validation::default().splits(self.splits as usize);
                options.validation(validation.seed(self.seed))
            }
        }
    }

    fn report<'a>(
        &'a self,
        fitted: &'a FittedClassifier,
        adapter: String,
        examples: usize,
    ) -> Report<'a> {
        let labels = fitted.labels.iter().zip(&fitted.counts);
        let labels = labels.map(|(label, &examples)| Label { label, examples });
        Report {
            model: self.model.name(),
            adapter,
            train: &self.train,
            out: &self.out,
            examples,
            labels: labels.collect(),
            class_weight: crate::model_args::value_name(&self.class_weight),
            seed: self.c.is_none().then_some(self.seed),
            strengths: fitted.strengths.iter().map(Tried::from).collect(),
            c: fitted.c,
            accuracy: fitted.accuracy,
        }
    }
}

impl<'a> From<&'a Strength> for Tried<'a> {
    fn from(strength: &'a Strength) -> Self {
        Self {
            c: strength.c,
            mean: strength.mean(),
            spread: strength.spread(),
            loss: strength.loss,
            accuracies: &strength.accuracies,
        }
    }
}

fn print(report: &Report<'_>) -> Result<()> {
    let mut stdout = Output::stdout();
    let labels = report.labels.iter();
    let labels = labels.map(|it| format!("{} {}", printable(it.label), it.examples));
    let labels: Vec<String> = labels.collect();
    writeln!(
        stdout,
        "{} examples: {}",
        report.examples,
        labels.join(", ")
    )?;
    if !report.strengths.is_empty() {
        let header = ["C", "accuracy of what was held out", "spread", "loss"];
        let mut table = table(&header, 0);
        for it in &report.strengths {
            let [mean, spread, loss] = [it.mean, it.spread, it.loss].map(|it| format!("{it:.3}"));
            table.add_row([it.c.to_string(), mean, spread, loss]);
        }
        writeln!(stdout, "{}", table.trim_fmt())?;
    }
    let (c, accuracy, out) = (report.c, report.accuracy, report.out.display());
    writeln!(
        stdout,
        "C {c} finds the labels of {accuracy:.3} of all examples"
    )?;
    writeln!(
        stdout,
        "{out} has the classifier: `wgformer classify --model {out}`"
    )?;
    writeln!(stdout, "{}", report.adapter)?;
    stdout.finish()
}
