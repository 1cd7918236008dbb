//! How rates grow: memory's by the size of a buffer, kernels' by the number of tokens.

use clap::ValueEnum;

use super::axis::{Axis, Ticks};
use super::plot::{Look, Plot, STYLES, Series};
use super::roofline::ARITHMETIC;
use crate::bench::device::Device;
use crate::bench::kernels::Kernel;
use crate::bench::subject::of_any_tokens;
use crate::model_args::{DType, value_name};
use crate::numbers::bytes;

const BUFFER: Axis = Axis {
    what: "size of the buffer",
    unit: "",
    ticks: Ticks::Measured(|value| bytes(value as u64)),
};

const MEMORY: Axis = Axis {
    what: "read and written",
    unit: "B/s",
    ticks: Ticks::Prefixed,
};

pub(super) const TOKENS: Axis = Axis {
    what: "tokens",
    unit: "",
    ticks: Ticks::Measured(|value| value.to_string()),
};

pub(super) fn memory(device: &Device) -> Plot {
    let mut series: Vec<Series> = vec![];
    for memory in &device.memory {
        let point = [memory.bytes as f64, memory.bytes_per_second];
        add(&mut series, &memory.access, point);
    }
    Plot {
        title: "Memory".to_owned(),
        note: "Small buffers stay in a cache; the largest say what memory brings.".to_owned(),
        x: BUFFER,
        y: MEMORY,
        series,
        beside: vec![],
    }
}

/// A plot for each operation that was measured with several numbers of tokens.
pub(super) fn plots(kernels: &[&Kernel]) -> Vec<Plot> {
    let mut layers: Vec<(String, Vec<&Kernel>)> = vec![];
    for kernel in kernels {
        let layer = of_any_tokens(&kernel.size);
        match layers.iter_mut().find(|(other, _)| *other == layer) {
            Some((_, own)) => own.push(kernel),
            None => layers.push((layer, vec![kernel])),
        }
    }
    let several = |own: &[&Kernel]| own.iter().any(|it| it.tokens != own[0].tokens);
    let layers = layers.into_iter().filter(|(_, own)| several(own));
    layers.map(|(layer, own)| plot(layer, &own)).collect()
}

fn plot(title: String, kernels: &[&Kernel]) -> Plot {
    let is_arithmetic = kernels.iter().all(|it| it.flops_per_second.is_some());
    let mut series: Vec<Series> = vec![];
    for kernel in kernels {
        let rate = kernel.flops_per_second.filter(|_| is_arithmetic);
        let rate = rate.unwrap_or(kernel.bytes_per_second);
        add(&mut series, &kind(kernel), [kernel.tokens as f64, rate]);
    }
    for series in &mut series {
        series.points = fastest(std::mem::take(&mut series.points));
    }
    let best = |series: &Series| series.points.iter().map(|it| it[1]).fold(0.0, f64::max);
    series.sort_by(|a, b| best(b).total_cmp(&best(a)));
    let left = series.len().saturating_sub(STYLES);
    series.truncate(STYLES);
    // So that most look the same in every plot, those of whole models too.
    series.sort_by(|a, b| order(a).cmp(&order(b)));
    let note = match left {
        0 => "Of each kernel and type of weights the fastest variant.".to_owned(),
        left => format!(
            "Of each kernel and type of weights the fastest variant; {left} that are slower are in the table alone."
        ),
    };
    Plot {
        title,
        note,
        x: TOKENS,
        y: if is_arithmetic { ARITHMETIC } else { MEMORY },
        series,
        beside: vec![],
    }
}

/// The kernel and its weights' type, which a variant's description begins with.
fn kind(kernel: &Kernel) -> String {
    let weights = kernel.variant.split(',').next().unwrap_or_default();
    format!("{}, {weights}", kernel.kernel)
}

/// The kernel, and the place of its weights' type among all.
fn order(series: &Series) -> (&str, Option<usize>) {
    let (kernel, weights) = series.name.split_once(", ").unwrap_or((&series.name, ""));
    let mut types = DType::value_variants().iter();
    (kernel, types.position(|it| value_name(it) == weights))
}

pub(super) fn add(all: &mut Vec<Series>, name: &str, point: [f64; 2]) {
    match all.iter_mut().find(|series| series.name == name) {
        Some(series) => series.points.push(point),
        None => all.push(Series {
            name: name.to_owned(),
            look: Look::Line,
            points: vec![point],
        }),
    }
}

/// The highest point at each place, from left to right.
pub(super) fn fastest(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(b[1].total_cmp(&a[1])));
    points.dedup_by_key(|point| point[0]);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_weights_come_in_one_order() {
        let mut series = vec![];
        for name in ["b, f16", "b, int8", "a, f16", "b, f32", "a, f32"] {
            add(&mut series, name, [1.0, 1.0]);
        }
        series.sort_by(|a, b| order(a).cmp(&order(b)));
        let names: Vec<&str> = series.iter().map(|it| &it.name[..]).collect();
        assert_eq!(names, ["a, f32", "a, f16", "b, f32", "b, f16", "b, int8"]);
    }

    #[test]
    fn the_fastest_variant_is_shown_at_each_number_of_tokens() {
        let points = vec![[512.0, 2.0], [16.0, 1.0], [512.0, 3.0], [16.0, 0.5]];
        assert_eq!(fastest(points), [[16.0, 1.0], [512.0, 3.0]]);
    }
}
