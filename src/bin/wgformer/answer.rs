//! `answer`: where a file answers a question.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::plan::Control;
use wgformer::tasks::{Answer, AnswerOptions, Answerer};

use crate::model_args::TaskModelArgs;
use crate::output::{Output, print_lines, printable};
use crate::progress::Progress;
use crate::source::read_text;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to ask.
    question: String,
    /// The file that may have the answer, as a whole one text, or - for standard input.
    #[arg(long, value_name = "FILE|-")]
    context: PathBuf,
    /// How many answers to show.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Let "there is no answer" be one of them, as an empty text with its score (for models that were trained for it, such as
    /// on SQuAD 2).
    #[arg(long)]
    no_answer: bool,
    /// A JSON line instead of a table.
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
    let context = read_text(&arguments.context)?;
    let load = |gpu: &_, directory: &_, options: &_| Answerer::load(gpu, directory, options);
    let answerer = arguments.model.load(load, |it| vec![it.model().plan()])?;
    let mut progress: Option<Progress> = None;
    let control = Control::new().progress(|now| {
        // How many parts the context has shows with the first.
        let bar = progress.get_or_insert_with(|| Progress::new(Some(now.total as u64), "parts"));
        bar.reach(now.done as u64);
    });
    let options = AnswerOptions::default()
        .top_k(arguments.top as usize)
        .handle_impossible_answer(arguments.no_answer);
    let question = (&arguments.question[..], &context[..]);
    let answers = answerer.answer_with([question], &options, control)?;
    drop(progress);
    let lines = answers.iter().enumerate().map(|(index, answers)| Line {
        index,
        question: &arguments.question,
        answers: answers.iter().map(Found::from).collect(),
    });
    let lines: Vec<Line<'_>> = lines.collect();
    if arguments.json {
        print_lines(&lines)
    } else {
        print_table(&lines)
    }
}

fn print_table(lines: &[Line<'_>]) -> Result<()> {
    let mut stdout = Output::stdout();
    let answers: Vec<&Found<'_>> = lines.iter().flat_map(|line| &line.answers).collect();
    if answers.is_empty() {
        writeln!(stdout, "there is no answer in the file")?;
        return stdout.finish();
    }
    let mut table = comfy_table::Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_header(["rank", "score", "characters", "answer"]);
    for column in table.column_iter_mut().take(3) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    for (rank, answer) in (1..).zip(answers) {
        table.add_row([
            format!("{rank}"),
            format!("{:.3}", answer.score),
            format!("{}-{}", answer.start, answer.end),
            printable(answer.text),
        ]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    stdout.finish()
}
