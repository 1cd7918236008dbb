//! `bench compare`: what became faster or slower between two runs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;

use super::model::Model;
use super::report::Report;
use super::samples::Summary;
use crate::numbers::{bytes, percent, rate, seconds, table};
use crate::output::{Output, print_document};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `bench --json` printed before.
    before: PathBuf,
    /// What it printed after.
    after: PathBuf,
    /// End with 1 if a kernel, a model or what ran in turns is slower by more than this, such as 10%, and was measured more
    /// than once; what the device itself does is shown, but is no fault of the engine's.
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
    /// In its unit.
    before: f64,
    after: f64,
    unit: Unit,
    /// How many times as long it takes after: less than 1 is faster.
    ratio: f64,
    /// By how much the ratio may be off: the quartiles' distances of both together, over their medians.
    spread: f64,
    /// Whether one of the two is a single measurement, which proves nothing.
    once: bool,
}

/// Of what is compared. A time says less from one run to the next than a ratio to what was measured beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "FLOP/s")]
    Flops,
    #[serde(rename = "B/s")]
    Bytes,
    /// A kernel's speed over the reference's.
    #[serde(rename = "/ reference")]
    OverReference,
    /// One side's time over the other's, in turns.
    #[serde(rename = "B / A")]
    InTurns,
}

#[derive(Debug, Serialize)]
struct Comparison {
    /// Both, where they are not the same one.
    adapters: Option<[String; 2]>,
    changes: Vec<Change>,
    /// What is in one of the two alone.
    unmatched: usize,
    /// The ratio of the two runs' reference products: how much of the ratios of times is the machine's.
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
    let comparison = Comparison::of(&before?, &after?, arguments.fail_above)?;
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
    /// # Errors
    /// If the two have nothing in common but the device, where that would pass for nothing being slower.
    fn of(before: &Report, after: &Report, fail_above: Option<f64>) -> Result<Self> {
        let (mut changes, mut unmatched) = matched(of_device(before), of_device(after));
        let (mut others, alone) = matched(of_work(before), of_work(after));
        if others.is_empty() && alone > 0 && fail_above.is_some() {
            return Err(anyhow!(
                "no kernel, model or alternation is in both runs: there is nothing to fail on; measure both with the same \
                 options"
            ));
        }
        unmatched += alone;
        slowest_first(&mut others);
        let limit = fail_above.map_or(f64::INFINITY, |above| 1.0 + above);
        let slower = others.iter().filter(|it| it.ratio > limit && !it.once);
        let slower = slower.map(|change| change.what.clone()).collect();
        changes.extend(others);
        slowest_first(&mut changes);
        let adapters = [before, after].map(|report| report.adapter.to_string());
        Ok(Self {
            adapters: (adapters[0] != adapters[1]).then_some(adapters),
            slower,
            unmatched,
            reference: after.reference.time.median / before.reference.time.median,
            changes,
        })
    }
}

fn slowest_first(changes: &mut [Change]) {
    changes.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
}

/// What is in both, and how much is in one of them alone.
fn matched(mut before: Vec<Measured>, after: Vec<Measured>) -> (Vec<Change>, usize) {
    let (mut changes, mut alone) = (vec![], 0);
    for new in after {
        let is_same = |old: &Measured| old.what == new.what && old.unit == new.unit;
        match before.iter().position(is_same) {
            Some(place) => changes.push(Change::of(&before.swap_remove(place), new)),
            None => alone += 1,
        }
    }
    (changes, alone + before.len())
}

struct Measured {
    what: String,
    value: f64,
    unit: Unit,
    time: Summary,
}

impl Measured {
    fn seconds(what: impl Into<String>, time: Summary) -> Self {
        Self {
            what: what.into(),
            value: time.median,
            unit: Unit::Seconds,
            time,
        }
    }
}

/// What the device itself does.
fn of_device(report: &Report) -> Vec<Measured> {
    let device = &report.device;
    let arithmetic = device.arithmetic.iter().map(|it| Measured {
        what: format!("arithmetic, {}", it.kind.name()),
        value: it.flops_per_second,
        unit: Unit::Flops,
        time: it.time,
    });
    let memory = device.memory.iter().map(|it| Measured {
        what: format!("memory, {} of {}", it.access, bytes(it.bytes)),
        value: it.bytes_per_second,
        unit: Unit::Bytes,
        time: it.time,
    });
    let others = [
        ("dispatch", device.dispatch),
        ("submit", device.submit),
        ("read back", device.read_back),
        ("upload", device.upload.time),
        ("compile", device.compile),
        ("reference", report.reference.time),
    ];
    let others = others.map(|(what, time)| Measured::seconds(what, time));
    arithmetic.chain(memory).chain(others).collect()
}

/// Kernels, models and alternations.
fn of_work(report: &Report) -> Vec<Measured> {
    let kernels = report.kernels.iter().map(|it| match it.over_reference {
        Some(value) => Measured {
            what: it.key(),
            value,
            unit: Unit::OverReference,
            time: it.time,
        },
        None => Measured::seconds(it.key(), it.time),
    });
    let models = report.models.iter().flat_map(Model::times);
    let models = models.map(|(what, time)| Measured::seconds(what, time));
    let ratios = report.alternation.iter().flat_map(|it| &it.ratios);
    let ratios = ratios.map(|it| Measured {
        what: format!("in turns, {}", it.what),
        value: it.ratio.median,
        unit: Unit::InTurns,
        time: it.ratio,
    });
    kernels.chain(models).chain(ratios).collect()
}

impl Change {
    fn of(before: &Measured, after: Measured) -> Self {
        let ratio = after.value / before.value;
        Self {
            before: before.value,
            after: after.value,
            ratio: match after.unit {
                Unit::Seconds | Unit::InTurns => ratio,
                Unit::Flops | Unit::Bytes | Unit::OverReference => 1.0 / ratio,
            },
            unit: after.unit,
            spread: before.time.spread.hypot(after.time.spread),
            once: before.time.samples.min(after.time.samples) < 2,
            what: after.what,
        }
    }
}

impl Unit {
    fn words(self, value: f64) -> String {
        match self {
            Self::Seconds => seconds(value),
            Self::Flops => rate(value, "FLOP/s"),
            Self::Bytes => rate(value, "B/s"),
            Self::OverReference => format!("{value:.2} / reference"),
            Self::InTurns => format!("{value:.3} B / A"),
        }
    }
}

fn print(comparison: &Comparison) -> Result<()> {
    let mut stdout = Output::stdout();
    if let Some([before, after]) = &comparison.adapters {
        writeln!(
            stdout,
            "before, on another adapter: {before}\nafter: {after}\n"
        )?;
    }
    let mut table = table(&["what", "before", "after", "ratio", "spread"], 1);
    for change in &comparison.changes {
        table.add_row([
            change.what.clone(),
            change.unit.words(change.before),
            change.unit.words(change.after),
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
