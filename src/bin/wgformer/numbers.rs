//! Measured numbers, for people: with units that suit them, in tables without lines.

use comfy_table::{CellAlignment, Table, presets};

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
