//! `answer`: where texts answer a question.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::plan::Control;
use wgformer::tasks::{Answer, AnswerOptions, Answerer, StreamOptions};

use crate::bulk::drain;
use crate::input::{InputArgs, Texts};
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::pairs::Input;
use crate::progress::Progress;
use crate::rows::{Column, Rows};
use crate::source::read_text;

#[derive(Args)]
#[command(mut_arg("texts", |texts| texts.required_unless_present_any(["input", "context"])))]
pub(crate) struct Arguments {
    /// What to ask, of each text.
    question: String,
    #[command(flatten)]
    input: InputArgs,
    /// A file that may have the answer, as a whole one text, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["texts", "input", "input_format", "field"])]
    context: Option<PathBuf>,
    /// How many answers to show of each text.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// How many tokens the windows of a long context share with the next [default: 128, or half of a window].
    #[arg(long, value_name = "TOKENS")]
    overlap: Option<u32>,
    /// Let "there is no answer" be one of them, as an empty text with its score (for models that were trained for it, such as
    /// on SQuAD 2).
    #[arg(long)]
    no_answer: bool,
    /// A JSON line per text instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: TaskModelArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    question: &'a str,
    answers: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    score: f32,
}

impl<'a> From<&'a Answer> for Found<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self {
            text: &answer.text,
            start: answer.start,
            end: answer.end,
            score: answer.score,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let asked = match &arguments.context {
        Some(path) => Asked::One(read_text(path)?),
        None => Asked::Many(arguments.input.open()?),
    };
    let load = |gpu: &_, directory: &_, options: &_| Answerer::load(gpu, directory, options);
    let answerer = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let mut printer = Printer::new(arguments, &asked);
    match asked {
        Asked::Many(texts) => arguments.answer_many(texts, &answerer, &mut printer),
        Asked::One(text) => arguments.answer_one(&text, &answerer, &mut printer),
    }?;
    printer.finish()
}

/// What may have the answer.
enum Asked {
    One(String),
    Many(Texts),
}

impl Arguments {
    fn options(&self) -> AnswerOptions {
        let options = AnswerOptions::default()
            .top_k(self.top as usize)
            .handle_impossible_answer(self.no_answer);
        match self.overlap {
            Some(overlap) => options.doc_stride(overlap as usize),
            None => options,
        }
    }

    fn answer_many(
        &self,
        texts: Texts,
        answerer: &Answerer,
        printer: &mut Printer<'_>,
    ) -> Result<()> {
        let question = self.question.clone();
        let questions = texts.map(move |_, context| {
            Ok(Input {
                text: question.clone(),
                pair: Some(context),
            })
        });
        let progress = Progress::new(questions.total, "texts");
        let stream = StreamOptions::default();
        let stream = answerer.stream(questions.texts, &self.options(), &stream);
        let mut index = 0;
        drain(stream, progress, |next| {
            let Some((_, answers)) = next else {
                return Ok(printer.stdout.flush()?);
            };
            printer.print(index, &answers)?;
            index += 1;
            Ok(())
        })
    }

    fn answer_one(&self, text: &str, answerer: &Answerer, printer: &mut Printer<'_>) -> Result<()> {
        let mut progress: Option<Progress> = None;
        let control = Control::new().progress(|now| {
            // How many parts the text has shows with the first.
            let bar = || Progress::new(Some(now.total as u64), "parts");
            progress.get_or_insert_with(bar).reach(now.done as u64);
        });
        let asked = [(&self.question[..], text)];
        let answers = answerer.answer_with(asked, &self.options(), control)?;
        drop(progress);
        printer.print(0, &answers[0])
    }
}

/// A table for people, or a JSON line per text.
struct Printer<'a> {
    arguments: &'a Arguments,
    stdout: Output,
    table: Rows,
    /// Whether it says which text an answer is of.
    is_numbered: bool,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Arguments, asked: &Asked) -> Self {
        let mut columns = vec![
            Column::number("rank", 0),
            Column::number("score", 5),
            Column::number("characters", 0),
        ];
        if let Asked::Many(texts) = asked {
            columns.insert(0, Column::places("line", texts.total));
        }
        Self {
            arguments,
            stdout: Output::stdout(),
            table: Rows::new(columns, "answer"),
            is_numbered: matches!(asked, Asked::Many(_)),
        }
    }

    /// People count texts from 1.
    fn print(&mut self, index: usize, answers: &[Answer]) -> Result<()> {
        if self.arguments.json {
            let line = Line {
                index,
                question: &self.arguments.question,
                answers: answers.iter().map(Found::from).collect(),
            };
            return write_line(&mut self.stdout, &line);
        }
        for (rank, answer) in (1..).zip(answers) {
            let row = [
                format!("{}", index + 1),
                format!("{rank}"),
                format!("{:.3}", answer.score),
                format!("{}-{}", answer.start, answer.end),
                printable(&answer.text),
            ];
            let first = usize::from(!self.is_numbered);
            self.table.write(&mut self.stdout, &row[first..])?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if !self.arguments.json && self.table.is_empty() {
            let whose = if self.is_numbered { "texts" } else { "file" };
            writeln!(self.stdout, "there is no answer in the {whose}")?;
        }
        self.stdout.finish()
    }
}
