//! `answer`: where texts answer a question.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use wgformer::plan::Control;
use wgformer::tasks::{Answer, AnswerOptions, Answerer};

use crate::input::{InputArgs, Texts};
use crate::model_args::TaskModelArgs;
use crate::output::{Output, printable, write_line};
use crate::progress::Progress;
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
    let mut stdout = Output::stdout();
    let mut table = Answers::new(matches!(asked, Asked::Many(_)));
    let write = |index: usize, answers: &[Answer]| {
        if !arguments.json {
            table.add(index, answers);
            return Ok(());
        }
        let line = Line {
            index,
            question: &arguments.question,
            answers: answers.iter().map(Found::from).collect(),
        };
        write_line(&mut stdout, &line)
    };
    arguments.answer(asked, &answerer, write)?;
    if !arguments.json {
        writeln!(stdout, "{table}")?;
    }
    stdout.finish()
}

/// What may have the answer.
enum Asked {
    One(String),
    Many(Texts),
}

impl Arguments {
    fn answer(
        &self,
        asked: Asked,
        answerer: &Answerer,
        mut write: impl FnMut(usize, &[Answer]) -> Result<()>,
    ) -> Result<()> {
        let options = AnswerOptions::default()
            .top_k(self.top as usize)
            .handle_impossible_answer(self.no_answer);
        let mut answer = |first: usize, texts: &[String], control: Control<'_>| {
            let questions = texts.iter().map(|text| (&self.question[..], &text[..]));
            let answers = answerer.answer_with(questions, &options, control)?;
            let mut numbered = (first..).zip(&answers);
            numbered.try_for_each(|(index, answers)| write(index, answers))
        };
        match asked {
            Asked::Many(texts) => {
                texts.in_pieces(|first, texts, control| answer(first, &texts, control))
            }
            Asked::One(text) => {
                let mut progress: Option<Progress> = None;
                let control = Control::new().progress(|now| {
                    // How many parts the text has shows with the first.
                    let bar = || Progress::new(Some(now.total as u64), "parts");
                    progress.get_or_insert_with(bar).reach(now.done as u64);
                });
                answer(0, &[text], control)
            }
        }
    }
}

/// A table for people.
struct Answers {
    table: Table,
    /// Whether it says which text an answer is of.
    is_numbered: bool,
}

impl Answers {
    fn new(is_numbered: bool) -> Self {
        let mut table = Table::new();
        let header = ["line", "rank", "score", "characters", "answer"];
        table
            .load_preset(presets::NOTHING)
            .set_header(header.iter().skip(usize::from(!is_numbered)));
        let last = table.column_count() - 1;
        for column in table.column_iter_mut().take(last) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self { table, is_numbered }
    }

    /// People count texts from 1.
    fn add(&mut self, index: usize, answers: &[Answer]) {
        for (rank, answer) in (1..).zip(answers) {
            let row = [
                format!("{}", index + 1),
                format!("{rank}"),
                format!("{:.3}", answer.score),
                format!("{}-{}", answer.start, answer.end),
                printable(&answer.text),
            ];
            let columns = row.into_iter().skip(usize::from(!self.is_numbered));
            self.table.add_row(columns);
        }
    }
}

impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.table.is_empty(), self.is_numbered) {
            (false, _) => write!(f, "{}", self.table.trim_fmt()),
            (true, false) => write!(f, "there is no answer in the file"),
            (true, true) => write!(f, "there is no answer in the texts"),
        }
    }
}
