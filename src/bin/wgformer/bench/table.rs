//! What `bench` found, for people.

use std::io::Write;

use anyhow::Result;

use super::alternate::Alternation;
use super::device::Device;
use super::kernels::Kernel;
use super::model::Model;
use super::report::Report;
use crate::numbers::{bytes, percent, rate, seconds, table};
use crate::output::Output;

pub(crate) fn print(report: &Report) -> Result<()> {
    let mut stdout = Output::stdout();
    writeln!(stdout, "{}\n", report.adapter)?;
    write_device(&mut stdout, &report.device)?;
    let reference = &report.reference;
    let [m, n, k] = reference.shape;
    writeln!(
        stdout,
        "\nreference: the textbook's 64x64 tile at {m} x {n} x {k}: {} ± {}\n",
        rate(reference.flops_per_second, "FLOP/s"),
        percent(reference.time.spread)
    )?;
    if !report.kernels.is_empty() {
        writeln!(stdout, "{}", kernels(&report.kernels))?;
    }
    write_models(&mut stdout, &report.models)?;
    if let Some(alternation) = &report.alternation {
        write_alternation(&mut stdout, alternation)?;
    }
    writeln!(stdout)?;
    for note in report.notes() {
        writeln!(stdout, "{note}")?;
    }
    if !report.left_out.is_empty() {
        writeln!(stdout, "\nleft out, for which --time-budget gives time:")?;
    }
    for left_out in &report.left_out {
        writeln!(stdout, "  {left_out}")?;
    }
    for wrong in &report.wrong {
        writeln!(stdout, "computes wrongly, not timed: {wrong}")?;
    }
    stdout.finish()
}

fn write_device(stdout: &mut Output, device: &Device) -> Result<()> {
    let mut table = table(&["device", "", "spread"], 1);
    table.add_rows(device_rows(device));
    writeln!(stdout, "{}", table.trim_fmt())?;
    Ok(())
}

/// What was measured of it, how much, and the spread.
pub(crate) fn device_rows(device: &Device) -> impl Iterator<Item = [String; 3]> {
    let arithmetic = device.arithmetic.iter().map(|it| {
        let name = format!("arithmetic, {}", it.kind.name());
        [
            name,
            rate(it.flops_per_second, "FLOP/s"),
            percent(it.time.spread),
        ]
    });
    let memory = device.memory.iter().map(|it| {
        let name = format!("memory, {} of {}", it.access, bytes(it.bytes));
        [
            name,
            rate(it.bytes_per_second, "B/s"),
            percent(it.time.spread),
        ]
    });
    let upload = &device.upload;
    let upload = [
        "upload".to_owned(),
        rate(upload.per_second, "B/s"),
        percent(upload.time.spread),
    ];
    let times = [
        ("a dispatch", &device.dispatch),
        ("a submit, until it is known to be done", &device.submit),
        ("four bytes back", &device.read_back),
        ("a kernel compiled", &device.compile),
    ];
    let times =
        times.map(|(name, time)| [name.to_owned(), seconds(time.median), percent(time.spread)]);
    arithmetic.chain(memory).chain([upload]).chain(times)
}

/// The fastest first of each size.
fn kernels(kernels: &[Kernel]) -> String {
    let header = [
        "shape",
        "size",
        "kernel",
        "variant",
        "time",
        "spread",
        "FLOP/s",
        "B/s",
        "of roof",
        "/ reference",
    ];
    let mut table = table(&header, 4);
    for own in by_size(kernels) {
        for (place, kernel) in own.into_iter().enumerate() {
            let once = |text: &str| if place == 0 { text } else { "" }.to_owned();
            table.add_row([
                once(&kernel.shape),
                once(&kernel.size),
                kernel.kernel.clone(),
                kernel.variant.clone(),
                seconds(kernel.time.median),
                percent(kernel.time.spread),
                kernel
                    .flops_per_second
                    .map_or_else(String::new, |it| rate(it, "")),
                rate(kernel.bytes_per_second, ""),
                percent(kernel.of_roof),
                kernel
                    .over_reference
                    .map_or_else(String::new, |it| format!("{it:.2}")),
            ]);
        }
    }
    table.trim_fmt()
}

/// Each size of each shape, in the order in which they were measured, the fastest kernel of it first.
pub(crate) fn by_size<'a>(kernels: impl IntoIterator<Item = &'a Kernel>) -> Vec<Vec<&'a Kernel>> {
    let mut sizes: Vec<Vec<&Kernel>> = vec![];
    for kernel in kernels {
        let is_same =
            |own: &&mut Vec<&Kernel>| own[0].shape == kernel.shape && own[0].size == kernel.size;
        match sizes.iter_mut().find(is_same) {
            Some(own) => own.push(kernel),
            None => sizes.push(vec![kernel]),
        }
    }
    for own in &mut sizes {
        own.sort_by(|a, b| a.time.median.total_cmp(&b.time.median));
    }
    sizes
}

/// Texts of so many tokens each.
fn write_models(stdout: &mut Output, models: &[Model]) -> Result<()> {
    let header = [
        "model", "weights", "texts", "tokens", "p50", "p95", "p99", "spread", "runs", "texts/s",
        "tokens/s",
    ];
    let mut table = table(&header, 2);
    for model in models {
        for run in &model.runs {
            table.add_row([
                model.model.clone(),
                model.dtype.clone(),
                run.texts.to_string(),
                run.tokens.to_string(),
                seconds(run.p50),
                run.p95.map_or_else(String::new, seconds),
                run.p99.map_or_else(String::new, seconds),
                percent(run.time.spread),
                run.time.samples.to_string(),
                rate(run.texts_per_second, ""),
                rate(run.tokens_per_second, ""),
            ]);
        }
    }
    if models.iter().any(|model| !model.runs.is_empty()) {
        writeln!(stdout, "\n{}\n", table.trim_fmt())?;
    }
    for model in models {
        let memory = &model.memory;
        writeln!(
            stdout,
            "{}, {}: loaded in {} cold and {} warm, first run {}; {} of weights, and {} + {} for each run",
            model.model,
            model.dtype,
            seconds(model.cold_load),
            seconds(model.warm_load),
            seconds(model.first_run),
            bytes(memory.weights),
            bytes(memory.activations),
            bytes(memory.staging)
        )?;
    }
    Ok(())
}

fn write_alternation(stdout: &mut Output, alternation: &Alternation) -> Result<()> {
    let [one, other] = &alternation.sides;
    writeln!(stdout, "A: {one}\nB: {other}\n")?;
    let mut table = table(&["in turns", "A", "B", "B / A", "spread", "pairs"], 1);
    for ratio in &alternation.ratios {
        let [a, b] = ratio.times.map(|time| seconds(time.median));
        table.add_row([
            ratio.title(),
            a,
            b,
            format!("{:.3}", ratio.ratio.median),
            percent(ratio.ratio.spread),
            ratio.ratio.samples.to_string(),
        ]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    for skipped in &alternation.skipped {
        writeln!(stdout, "left out: {skipped}")?;
    }
    Ok(())
}
