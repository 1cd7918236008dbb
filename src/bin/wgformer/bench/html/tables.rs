//! The numbers behind the plots.

use crate::bench::device::Device;
use crate::bench::kernels::Kernel;
use crate::bench::table::{by_size, device_rows};
use crate::html::markup::Element;
use crate::html::table;
use crate::numbers::{percent, rate, seconds};

pub(super) fn device(device: &Device) -> Element {
    table(
        &["device", "", "spread"],
        1,
        device_rows(device).map(Vec::from),
    )
}

/// The fastest of each size first.
pub(super) fn kernels(kernels: &[&Kernel]) -> Element {
    let header = [
        "size",
        "kernel",
        "variant",
        "clock",
        "time",
        "spread",
        "runs",
        "outliers",
        "drift",
        "FLOP/s",
        "B/s",
        "of roof",
        "/ reference",
    ];
    let sizes = by_size(kernels.iter().copied()).into_iter();
    let rows = sizes.flatten().map(|kernel| {
        let time = &kernel.time;
        let or_nothing =
            |value: Option<f64>, words: fn(f64) -> String| value.map_or_else(String::new, words);
        vec![
            kernel.size.clone(),
            kernel.kernel.clone(),
            kernel.variant.clone(),
            kernel.clock.clone(),
            seconds(time.median),
            percent(time.spread),
            time.samples.to_string(),
            time.outliers.to_string(),
            percent(time.drift),
            or_nothing(kernel.flops_per_second, |it| rate(it, "")),
            rate(kernel.bytes_per_second, ""),
            percent(kernel.of_roof),
            or_nothing(kernel.over_reference, |it| format!("{it:.2}")),
        ]
    });
    table(&header, 4, rows)
}
