//! `models`: the architectures and the tasks that there are, from the code itself.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::models::{FAMILIES, Family as Known};
use wgformer::tasks::TASKS;

use crate::numbers::table;
use crate::output::{Output, print_document};

#[derive(Args)]
pub(crate) struct Arguments {
    /// A JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    families: Vec<Family>,
    tasks: Vec<Task>,
}

#[derive(Serialize)]
struct Family {
    name: &'static str,
    model_type: &'static str,
    heads: &'static [&'static str],
}

#[derive(Serialize)]
struct Task {
    name: &'static str,
    command: &'static str,
    library: &'static str,
    head: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let families = FAMILIES.iter().map(|family| Family {
        name: family.name,
        model_type: family.model_type,
        heads: family.heads,
    });
    let tasks = TASKS.iter().map(|task| Task {
        name: task.name,
        command: task.command,
        library: task.library,
        head: task.head,
    });
    let document = Document {
        families: families.collect(),
        tasks: tasks.collect(),
    };
    if arguments.json {
        print_document(&document)
    } else {
        print(&document)
    }
}

fn print(document: &Document) -> Result<()> {
    let mut stdout = Output::stdout();
    let header = [&["family", "model_type"], &Known::HEADS[..]].concat();
    let mut families = table(&header, header.len());
    for family in &document.families {
        let has = |head| family.heads.contains(&head);
        let heads = Known::HEADS.map(|head| if has(head) { "yes" } else { "" });
        families.add_row([&[family.name, family.model_type], &heads[..]].concat());
    }
    let mut tasks = table(&["task", "command", "library", "checkpoints of"], 4);
    for task in &document.tasks {
        tasks.add_row([task.name, task.command, task.library, task.head]);
    }
    writeln!(stdout, "{}\n", families.trim_fmt())?;
    writeln!(stdout, "{}", tasks.trim_fmt())?;
    stdout.finish()
}
