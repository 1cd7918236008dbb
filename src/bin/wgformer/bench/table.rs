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

pub(crate) fn print(report: &Report, adapter: &str) -> Result<()> {
    let mut stdout = Output::stdout();
    writeln!(stdout, "{adapter}\n")?;
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
    if report.left > 0 {
        writeln!(
            stdout,
            "\n{} measurements were left out: give --time-budget more",
            report.left
        )?;
    }
    for wrong in &report.wrong {
        writeln!(stdout, "computes wrongly, not timed: {wrong}")?;
    }
    stdout.finish()
}

fn write_device(stdout: &mut Output, device: &Device) -> Result<()> {
    let mut table = table(&["device", "", "spread"], 1);
    for arithmetic in &device.arithmetic {
        let name = format!("arithmetic, {}", arithmetic.kind.name());
        let rate = rate(arithmetic.flops_per_second, "FLOP/s");
        table.add_row([name, rate, percent(arithmetic.time.spread)]);
    }
    for memory in &device.memory {
        let name = format!("memory, {} of {}", memory.access, bytes(memory.bytes));
        let rate = rate(memory.bytes_per_second, "B/s");
        table.add_row([name, rate, percent(memory.time.spread)]);
    }
    let upload = rate(device.upload.per_second, "B/s");
    table.add_row([
        "upload".to_owned(),
        upload,
        percent(device.upload.time.spread),
    ]);
    let times = [
        ("a dispatch", &device.dispatch),
        ("a submit, until it is known to be done", &device.submit),
        ("four bytes back", &device.read_back),
        ("a kernel compiled", &device.compile),
    ];
    for (name, time) in times {
        table.add_row([name.to_owned(), seconds(time.median), percent(time.spread)]);
    }
    writeln!(stdout, "{}", table.trim_fmt())?;
    Ok(())
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
    let mut sizes: Vec<(&str, &str)> = vec![];
    for kernel in kernels {
        let size = (&kernel.shape[..], &kernel.size[..]);
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    for (shape, size) in sizes {
        let own = kernels
            .iter()
            .filter(|it| it.shape == shape && it.size == size);
        let mut own: Vec<&Kernel> = own.collect();
        own.sort_by(|a, b| a.time.median.total_cmp(&b.time.median));
        for (place, kernel) in own.into_iter().enumerate() {
            let [shape, size] = [shape, size].map(|it| if place == 0 { it } else { "" });
            table.add_row([
                shape.to_owned(),
                size.to_owned(),
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

/// Texts of so many tokens each.
fn write_models(stdout: &mut Output, models: &[Model]) -> Result<()> {
    let header = [
        "model", "weights", "texts", "tokens", "p50", "p95", "p99", "spread", "texts/s", "tokens/s",
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
                seconds(run.p95),
                seconds(run.p99),
                percent(run.time.spread),
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
            ratio.what.clone(),
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
