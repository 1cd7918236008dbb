//! What `bench` found, for people.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::device::Device;
use super::kernels::Kernel;
use super::report::Report;
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
    writeln!(stdout, "{}", kernels(&report.kernels))?;
    if report.left > 0 {
        writeln!(
            stdout,
            "\n{} sizes were left out: give --time-budget more",
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

/// The first columns are words, the others numbers.
pub(crate) fn table(header: &[&str], words: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// With a unit that leaves one to three digits before the point.
pub(crate) fn rate(value: f64, unit: &str) -> String {
    let (scaled, prefix) = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
        .into_iter()
        .find(|(size, _)| value >= *size)
        .map_or((value, ""), |(size, prefix)| (value / size, prefix));
    format!("{} {prefix}{unit}", digits(scaled))
}

pub(crate) fn seconds(value: f64) -> String {
    let (scaled, unit) = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]
        .into_iter()
        .find(|(size, _)| value >= *size)
        .map_or((value * 1e9, "ns"), |(size, unit)| (value / size, unit));
    format!("{} {unit}", digits(scaled))
}

/// Three of them.
pub(crate) fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

pub(crate) fn bytes(value: u64) -> String {
    match value {
        value if value >= 1 << 20 => format!("{} MiB", value >> 20),
        value => format!("{} KiB", value >> 10),
    }
}

pub(crate) fn percent(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit_that_suits_them() {
        assert_eq!(rate(1.234e12, "FLOP/s"), "1.23 TFLOP/s");
        assert_eq!(rate(56.78e9, "B/s"), "56.8 GB/s");
        assert_eq!(rate(12.0, "B/s"), "12.0 B/s");
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(seconds(4.5e-7), "450 ns");
        assert_eq!(bytes(256 << 10), "256 KiB");
        assert_eq!(percent(0.256), "26 %");
    }
}
