//! The numbers behind the plots.

use crate::bench::device::Device;
use crate::bench::kernels::Kernel;
use crate::bench::model::Model;
use crate::bench::table::{by_size, device_rows};
use crate::html::markup::Element;
use crate::html::table;
use crate::numbers::{bytes, percent, rate, seconds};

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

/// How soon a model is there, and what it takes of the device's memory.
pub(super) fn loading(models: &[&Model]) -> Element {
    let header = [
        "weights",
        "cold load",
        "warm load",
        "first run",
        "memory: weights",
        "of a run",
        "its staging",
    ];
    let rows = models.iter().map(|model| {
        vec![
            model.dtype.clone(),
            seconds(model.cold_load),
            seconds(model.warm_load),
            seconds(model.first_run),
            bytes(model.memory.weights),
            bytes(model.memory.activations),
            bytes(model.memory.staging),
        ]
    });
    table(&header, 1, rows)
}

pub(super) fn runs(models: &[&Model]) -> Element {
    let header = [
        "weights", "texts", "tokens", "p50", "p95", "p99", "spread", "runs", "outliers", "drift",
        "texts/s", "tokens/s",
    ];
    let runs = models
        .iter()
        .flat_map(|model| model.runs.iter().map(move |run| (model, run)));
    let rows = runs.map(|(model, run)| {
        vec![
            model.dtype.clone(),
            run.texts.to_string(),
            run.tokens.to_string(),
            seconds(run.p50),
            run.p95.map_or_else(String::new, seconds),
            run.p99.map_or_else(String::new, seconds),
            percent(run.time.spread),
            run.time.samples.to_string(),
            run.time.outliers.to_string(),
            percent(run.time.drift),
            rate(run.texts_per_second, ""),
            rate(run.tokens_per_second, ""),
        ]
    });
    table(&header, 1, rows)
}
