//! `bench compare`: what became faster or slower between two runs.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;

use super::model::Model;
use super::report::Report;
use super::samples::Summary;
use crate::numbers::{percent, seconds, table};
use crate::output::{Output, print_document};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `bench --json` printed before.
    before: PathBuf,
    /// What it printed after.
    after: PathBuf,
    /// End with 1 if anything that was measured more than once is slower by more than this, such as 10%.
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    fail_above: Option<f64>,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is in both runs.
#[derive(Debug, Serialize)]
struct Change {
    what: String,
    /// In seconds.
    before: f64,
    after: f64,
    /// The time after over that before: less than 1 is faster.
    ratio: f64,
    /// By how much the ratio may be off: the quartiles' distances of both together, over their medians.
    spread: f64,
    /// Whether one of the two is a single measurement, which proves nothing.
    once: bool,
}

#[derive(Debug, Serialize)]
struct Comparison {
    changes: Vec<Change>,
    /// What is in one of the two alone.
    unmatched: usize,
    /// The ratio of the two runs' reference products: how much of all ratios is the machine's.
    reference: f64,
    slower: Vec<String>,
}

fn percentage(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>();
    match number {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number / 100.0),
        _ => Err("must be a percentage such as 10%".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let [before, after] = [&arguments.before, &arguments.after].map(|path| Report::read(path));
    let comparison = Comparison::of(&before?, &after?, arguments.fail_above);
    if arguments.json {
        print_document(&comparison)?;
    } else {
        print(&comparison)?;
    }
    match comparison.slower.len() {
        0 => Ok(()),
        count => Err(anyhow!(
            "{count} of {} are slower by more than {}, the worst: {}",
            comparison.changes.len(),
            percent(arguments.fail_above.unwrap_or(0.0)),
            comparison.slower[0]
        )),
    }
}

impl Comparison {
    fn of(before: &Report, after: &Report, fail_above: Option<f64>) -> Self {
        let [mut old, new] = [before, after].map(times);
        let (mut changes, mut unmatched) = (vec![], 0);
        for (what, after) in new {
            match old.iter().position(|(other, _)| *other == what) {
                Some(place) => {
                    let (_, before) = old.swap_remove(place);
                    changes.push(Change::of(what, &before, &after));
                }
                None => unmatched += 1,
            }
        }
        changes.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
        let limit = fail_above.map_or(f64::INFINITY, |above| 1.0 + above);
        let slower = changes.iter().filter(|it| it.ratio > limit && !it.once);
        Self {
            slower: slower.map(|change| change.what.clone()).collect(),
            unmatched: unmatched + old.len(),
            reference: after.reference.time.median / before.reference.time.median,
            changes,
        }
    }
}

/// Everything that has a time.
fn times(report: &Report) -> Vec<(String, Summary)> {
    let device = &report.device;
    let arithmetic = device.arithmetic.iter();
    let arithmetic = arithmetic.map(|it| (format!("arithmetic, {}", it.kind.name()), it.time));
    let memory = device.memory.iter();
    let memory = memory.map(|it| {
        (
            format!("memory, {} of {} bytes", it.access, it.bytes),
            it.time,
        )
    });
    let others = [
        ("dispatch", device.dispatch),
        ("submit", device.submit),
        ("read back", device.read_back),
        ("upload", device.upload.time),
        ("compile", device.compile),
        ("reference", report.reference.time),
    ];
    let others = others.map(|(name, time)| (name.to_owned(), time));
    let kernels = report.kernels.iter().map(|it| (it.key(), it.time));
    let models = report.models.iter().flat_map(Model::times);
    let all = arithmetic
        .chain(memory)
        .chain(others)
        .chain(kernels)
        .chain(models);
    let unique: HashMap<String, Summary> = all.clone().collect();
    debug_assert_eq!(unique.len(), all.clone().count());
    all.collect()
}

impl Change {
    fn of(what: String, before: &Summary, after: &Summary) -> Self {
        Self {
            what,
            before: before.median,
            after: after.median,
            ratio: after.median / before.median,
            spread: before.spread.hypot(after.spread),
            once: before.samples.min(after.samples) < 2,
        }
    }
}

fn print(comparison: &Comparison) -> Result<()> {
    let mut stdout = Output::stdout();
    let mut table = table(&["what", "before", "after", "ratio", "spread"], 1);
    for change in &comparison.changes {
        table.add_row([
            change.what.clone(),
            seconds(change.before),
            seconds(change.after),
            format!("{:.2}", change.ratio),
            percent(change.spread),
        ]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    writeln!(
        stdout,
        "\na ratio below 1 is faster; the reference product took {:.2} times as long in the second run",
        comparison.reference
    )?;
    if comparison.unmatched > 0 {
        writeln!(
            stdout,
            "{} are in one of the two runs alone",
            comparison.unmatched
        )?;
    }
    stdout.finish()
}
