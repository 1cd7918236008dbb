//! `bench compare`: what became faster or slower between two runs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;

use super::alternate::Ratio;
use super::kernels::Kernel;
use super::model::Model;
use super::reference::Reference;
use super::report::Report;
use super::summary::Summary;
use crate::numbers::{bytes, percent, rate, seconds, table};
use crate::output::{Output, print_document};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `bench --json` printed before.
    before: PathBuf,
    /// What it printed after.
    after: PathBuf,
    /// End with 1 if a kernel, a model or what ran in turns is slower by more than this, such as 10%, and its spread in both
    /// runs together, and was measured more than once; if a kernel computes wrongly that did not before; or if something is
    /// missing that was measured before, unless it was left out for want of time. Times are compared beside the reference
    /// product's, since the machine may be slower as a whole. What the device itself does is shown, but is no fault of the
    /// engine's.
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    fail_above: Option<f64>,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is in both runs.
#[derive(Clone, Debug, Serialize)]
struct Change {
    what: String,
    /// In its unit.
    before: f64,
    after: f64,
    unit: Unit,
    /// How many times as long it takes after: less than 1 is faster. Of times of the engine's work, over the reference's.
    ratio: f64,
    /// By how much the ratio may be off: the quartiles' distances of both together, over their medians, with the reference's
    /// where it was divided by that.
    spread: f64,
    /// Whether one of the two is a single measurement, which proves nothing.
    once: bool,
}

/// Of what is compared. A time says less from one run to the next than a ratio to what was measured beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Unit {
    #[serde(rename = "s")]
    Seconds,
    /// Of which the ratio is beside that of the reference product.
    #[serde(rename = "s, beside the reference")]
    Beside,
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
    /// How many of them are of kernels, models and what ran in turns.
    #[serde(skip)]
    judged: usize,
    /// How much is in one of the two alone.
    unmatched: usize,
    /// How many times as long the reference product takes after: how much of the ratios of times is the machine's.
    reference: f64,
    /// What is slower by more than the limit and its spread.
    slower: Vec<String>,
    /// Kernels that compute wrongly after, and did not before.
    wrong: Vec<String>,
    /// Kernels and models that were measured before, and for which there was time after.
    missing: Vec<String>,
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
    match (arguments.fail_above, comparison.failure()) {
        (Some(_), Some(failure)) => Err(anyhow!("{failure}")),
        _ => Ok(()),
    }
}

impl Comparison {
    /// # Errors
    /// If the two have nothing in common but the device, where that would pass for nothing being slower.
    fn of(before: &Report, after: &Report, fail_above: Option<f64>) -> Result<Self> {
        let reference = Change::of_references(before, after);
        let device = Matched::of(of_device(before), of_device(after), &reference);
        let mut work = Matched::of(of_work(before), of_work(after), &reference);
        if work.changes.is_empty() && work.unmatched() > 0 && fail_above.is_some() {
            return Err(anyhow!(
                "no kernel, model or alternation is in both runs: there is nothing to fail on; measure both with the same \
                 options"
            ));
        }
        let unmatched = device.unmatched() + work.unmatched();
        slowest_first(&mut work.changes);
        let is_slower = |it: &&Change| fail_above.is_some_and(|above| it.is_slower(above));
        let slower = work.changes.iter().filter(is_slower);
        let slower = slower.map(|change| change.what.clone()).collect();
        let missing = work.gone.into_iter().filter(|it| !it.is_left_out(after));
        let wrong = after.wrong.iter().filter(|it| !before.wrong.contains(it));
        let judged = work.changes.len();
        let mut changes = [device.changes, work.changes].concat();
        slowest_first(&mut changes);
        let adapters = [before, after].map(|report| report.adapter.to_string());
        Ok(Self {
            adapters: (adapters[0] != adapters[1]).then_some(adapters),
            slower,
            wrong: wrong.cloned().collect(),
            missing: missing.map(|it| it.what).collect(),
            judged,
            unmatched,
            reference: reference.ratio,
            changes,
        })
    }

    /// What is worse than before.
    fn failure(&self) -> Option<String> {
        let counted = |all: &[String], what: &str| {
            let first = all.first()?;
            Some(format!("{} {what}: {first}", all.len()))
        };
        let slower = format!(
            "of {} slower than the limit and the spread allow, the worst",
            self.judged
        );
        let parts = [
            counted(&self.wrong, "computing wrongly now, the first"),
            counted(
                &self.missing,
                "missing that were measured before, the first",
            ),
            counted(&self.slower, &slower),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

fn slowest_first(changes: &mut [Change]) {
    changes.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
}

/// Two lists, thing by thing.
struct Matched {
    changes: Vec<Change>,
    /// What is in the first alone.
    gone: Vec<Measured>,
    /// How much is in the second alone.
    new: usize,
}

impl Matched {
    fn of(before: Vec<Measured>, after: Vec<Measured>, reference: &Change) -> Self {
        let (mut changes, mut gone, mut new) = (vec![], before, 0);
        for after in after {
            match gone.iter().position(|it| it.what == after.what) {
                Some(place) => changes.push(Change::of(gone.remove(place), after, reference)),
                None => new += 1,
            }
        }
        Self { changes, gone, new }
    }

    fn unmatched(&self) -> usize {
        self.gone.len() + self.new
    }
}

struct Measured {
    what: String,
    value: f64,
    unit: Unit,
    time: Summary,
    /// Of a kernel, about how many it runs on.
    tokens: Option<usize>,
}

impl Measured {
    fn new(what: impl Into<String>, value: f64, unit: Unit, time: Summary) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            time,
            tokens: None,
        }
    }

    /// By its time beside the reference product's.
    fn beside(what: impl Into<String>, time: Summary) -> Self {
        Self::new(what, time.median, Unit::Beside, time)
    }

    /// By how fast it is beside what was timed in turns with it, if that is another one.
    fn kernel(kernel: &Kernel) -> Self {
        let (key, time) = (kernel.key(), kernel.time);
        let measured = match kernel.over_reference.filter(|_| !kernel.is_plain()) {
            Some(value) => Self::new(key, value, Unit::OverReference, time),
            None => Self::beside(key, time),
        };
        measured.of_tokens(Some(kernel.tokens))
    }

    fn in_turns(ratio: &Ratio) -> Self {
        let what = format!("{IN_TURNS}{}", ratio.what);
        Self::new(what, ratio.ratio.median, Unit::InTurns, ratio.ratio).of_tokens(ratio.tokens)
    }

    fn of_tokens(self, tokens: Option<usize>) -> Self {
        Self { tokens, ..self }
    }

    /// Whether a run says that there was no time for it.
    fn is_left_out(&self, report: &Report) -> bool {
        let mut lines = report.left_out.iter();
        lines.any(|line| self.is_in(line).unwrap_or(false))
    }

    /// Such as `minilm-l6: all of 16, 128 tokens; 2 kernels of 512 tokens`, or of a model `minilm-l6, f16: 1 x 16, 8 x 128
    /// tokens`.
    fn is_in(&self, line: &str) -> Option<bool> {
        let what = self.what.trim_start_matches(IN_TURNS);
        let (name, size) = what.split_once(": ")?;
        let parts = line.strip_prefix(name)?.strip_prefix(": ")?;
        let has = |part: &str, size: &str| {
            let sizes = part.trim_end_matches(" tokens").split(", ");
            sizes.into_iter().any(|it| it == size)
        };
        let is_of = |part: &str, tokens: usize| {
            let sizes = part.rsplit_once(" of ").map_or("", |(_, sizes)| sizes);
            has(sizes, &tokens.to_string())
        };
        Some(match (self.tokens, size.strip_suffix(" tokens")) {
            (Some(tokens), _) => parts.split("; ").any(|part| is_of(part, tokens)),
            (None, Some(size)) => has(parts, size),
            // How long a model takes to load.
            (None, None) => true,
        })
    }
}

/// What the names of what was measured in turns begin with.
const IN_TURNS: &str = "in turns, ";

/// What the device itself does.
fn of_device(report: &Report) -> Vec<Measured> {
    let device = &report.device;
    let arithmetic = device.arithmetic.iter().map(|it| {
        let what = format!("arithmetic, {}", it.kind.name());
        Measured::new(what, it.flops_per_second, Unit::Flops, it.time)
    });
    let memory = device.memory.iter().map(|it| {
        let what = format!("memory, {} of {}", it.access, bytes(it.bytes));
        Measured::new(what, it.bytes_per_second, Unit::Bytes, it.time)
    });
    let others = [
        ("dispatch", device.dispatch),
        ("submit", device.submit),
        ("read back", device.read_back),
        ("upload", device.upload.time),
        ("compile", device.compile),
    ];
    let others = others.map(|(what, time)| Measured::new(what, time.median, Unit::Seconds, time));
    // By its rate, since adapters may have references of other sizes.
    let Reference {
        flops_per_second,
        time,
        ..
    } = report.reference;
    let reference = Measured::new("reference", flops_per_second, Unit::Flops, time);
    let all = arithmetic.chain(memory).chain(others);
    all.chain([reference]).collect()
}

/// Kernels, models and alternations.
fn of_work(report: &Report) -> Vec<Measured> {
    let kernels = report.kernels.iter().map(Measured::kernel);
    let models = report.models.iter().flat_map(Model::times);
    let models = models.map(|(what, time)| Measured::beside(what, time));
    let ratios = report.alternation.iter().flat_map(|it| &it.ratios);
    let ratios = ratios.map(Measured::in_turns);
    kernels.chain(models).chain(ratios).collect()
}

impl Change {
    /// `reference`: that of the reference products.
    fn of(before: Measured, after: Measured, reference: &Self) -> Self {
        // What a kernel was compared with may have been left out of one run.
        let [before, after] = match before.unit == after.unit {
            true => [before, after],
            false => [before, after].map(|it| Measured::beside(it.what, it.time)),
        };
        let ratio = after.value / before.value;
        let spread = before.time.spread.hypot(after.time.spread);
        let (ratio, spread) = match after.unit {
            Unit::Seconds | Unit::InTurns => (ratio, spread),
            Unit::Beside => (ratio / reference.ratio, spread.hypot(reference.spread)),
            Unit::Flops | Unit::Bytes | Unit::OverReference => (1.0 / ratio, spread),
        };
        Self {
            before: before.value,
            after: after.value,
            ratio,
            unit: after.unit,
            spread,
            once: before.time.samples.min(after.time.samples) < 2,
            what: after.what,
        }
    }

    /// By their rates, since adapters may have references of other sizes.
    fn of_references(before: &Report, after: &Report) -> Self {
        let [before, after] = [before, after].map(|it| &it.reference);
        Self {
            what: "reference".to_owned(),
            before: before.flops_per_second,
            after: after.flops_per_second,
            unit: Unit::Flops,
            ratio: before.flops_per_second / after.flops_per_second,
            spread: before.time.spread.hypot(after.time.spread),
            once: before.time.samples.min(after.time.samples) < 2,
        }
    }

    /// By more than noise makes it.
    fn is_slower(&self, above: f64) -> bool {
        !self.once && self.ratio > 1.0 + above + self.spread
    }
}

impl Unit {
    fn words(self, value: f64) -> String {
        match self {
            Self::Seconds | Self::Beside => seconds(value),
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
        "\na ratio below 1 is faster; the reference product took {:.2} times as long in the second run, by which times of \
         kernels and models are divided",
        comparison.reference
    )?;
    if comparison.unmatched > 0 {
        writeln!(
            stdout,
            "{} are in one of the two runs alone",
            comparison.unmatched
        )?;
    }
    for wrong in &comparison.wrong {
        writeln!(stdout, "computes wrongly in the second run: {wrong}")?;
    }
    for missing in &comparison.missing {
        writeln!(stdout, "missing from the second run: {missing}")?;
    }
    stdout.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_no_time_is_known_by_its_line() {
        let is_in = |what: &str, tokens: Option<usize>, line: &str| {
            let measured = Measured::beside(what, Summary::of(&[1.0])).of_tokens(tokens);
            measured.is_in(line).unwrap_or(false)
        };
        let kernel = "minilm-l6: softmax 128 x 384 on softmax, f32";
        let of = |tokens, line| is_in(kernel, Some(tokens), line);
        assert!(of(128, "minilm-l6: all of 16, 128 tokens"));
        assert!(of(
            16,
            "minilm-l6: all of 512 tokens; 1 operation and 2 kernels of 16 tokens"
        ));
        assert!(!of(12, "minilm-l6: all of 16, 128 tokens"));
        assert!(!of(128, "bert-base: all of 16, 128 tokens"));
        let turns = "in turns, minilm-l6: softmax 128 x 384, f32";
        assert!(is_in(
            turns,
            Some(128),
            "minilm-l6: softmax, 384, of 128 tokens"
        ));
        let model = |what, line| is_in(what, None, line);
        let line = "tiny, f16: 1 x 16, 8 x 128 tokens";
        assert!(model("tiny, f16: 1 x 16 tokens", line));
        assert!(model("in turns, tiny, f16: 8 x 128 tokens", line));
        assert!(model("tiny, f16: cold load", line));
        assert!(!model("tiny, f16: 8 x 12 tokens", line));
        assert!(!model("tiny, f32: 1 x 16 tokens", line));
    }
}
