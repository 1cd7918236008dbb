//! The roofline: what arithmetic and memory allow at each intensity, and where kernels are beneath.
//!
//! Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures", 2009.

use super::axis::{Axis, Ticks};
use super::plot::{Look, Plot, Series};
use crate::bench::kernels::Kernel;
use crate::bench::report::Report;
use crate::bench::table::by_size;
use crate::numbers::rate;

pub(super) const INTENSITY: Axis = Axis {
    what: "intensity",
    unit: "FLOP per byte",
    ticks: Ticks::Decades,
};

pub(super) const ARITHMETIC: Axis = Axis {
    what: "arithmetic",
    unit: "FLOP/s",
    ticks: Ticks::Prefixed,
};

pub(super) fn plot(report: &Report) -> Plot {
    let mut series = operations(&report.kernels);
    series.push(Series {
        name: "slower kernels of the same sizes".to_owned(),
        look: Look::Context,
        points: slower(&report.kernels),
    });
    let reference = reference(report);
    series.push(Series {
        name: format!(
            "reference, {}",
            rate(report.reference.flops_per_second, ARITHMETIC.unit)
        ),
        look: Look::Marks,
        points: vec![reference],
    });
    series.retain(|series| !series.points.is_empty());
    let intensities = series.iter().flat_map(|it| &it.points).map(|it| it[0]);
    let (least, most) = intensities.fold((f64::INFINITY, 0.0f64), |(least, most), it| {
        (least.min(it), most.max(it))
    });
    series.extend(roofs(report, least, most));
    Plot {
        title: "Roofline".to_owned(),
        note: "The fastest kernel of each size, by what it multiplies and adds for each byte of operands and results. \
               Beneath the slope memory is in the way, beneath a level arithmetic. \
               What multiplies nothing (norms, softmax, pooling) is not here."
            .to_owned(),
        x: INTENSITY,
        y: ARITHMETIC,
        series,
        beside: vec![],
    }
}

/// The fastest kernel of each size, by operation.
fn operations(kernels: &[Kernel]) -> Vec<Series> {
    let mut series: Vec<Series> = vec![];
    for own in by_size(kernels) {
        let Some(point) = point(own[0]) else {
            continue;
        };
        let name = &own[0].operation;
        match series.iter_mut().find(|it| it.name == *name) {
            Some(series) => series.points.push(point),
            None => series.push(Series {
                name: name.clone(),
                look: Look::Marks,
                points: vec![point],
            }),
        }
    }
    series
}

fn slower(kernels: &[Kernel]) -> Vec<[f64; 2]> {
    let sizes = by_size(kernels).into_iter();
    sizes
        .flat_map(|own| own.into_iter().skip(1).filter_map(point))
        .collect()
}

/// Its intensity and its arithmetic a second.
fn point(kernel: &Kernel) -> Option<[f64; 2]> {
    let flops = kernel.flops_per_second?;
    Some([flops / kernel.bytes_per_second, flops])
}

/// Of f32 throughout.
fn reference(report: &Report) -> [f64; 2] {
    let [m, n, k] = report.reference.shape.map(|it| it as f64);
    let bytes = 4.0 * (m * k + k * n + m * n);
    [2.0 * m * n * k / bytes, report.reference.flops_per_second]
}

/// What memory allows, up to the highest peak, and each peak from where memory allows it.
fn roofs(report: &Report, least: f64, most: f64) -> Vec<Series> {
    let device = &report.device;
    let bandwidth = device.bandwidth();
    let peaks = || device.arithmetic.iter().map(|it| it.flops_per_second);
    let highest = peaks().fold(0.0, f64::max);
    // Where memory allows just as much.
    let ridges = || peaks().map(|peak| peak / bandwidth);
    let left = least.min(0.5 * ridges().fold(f64::INFINITY, f64::min));
    let right = most.max(2.0 * ridges().fold(0.0, f64::max));
    let limit = |name, points: [[f64; 2]; 2]| Series {
        name,
        look: Look::Limit,
        points: points.to_vec(),
    };
    let slope = limit(
        format!("memory, {}", rate(bandwidth, "B/s")),
        [[left, left * bandwidth], [highest / bandwidth, highest]],
    );
    let levels = device.arithmetic.iter().map(|it| {
        let peak = it.flops_per_second;
        limit(
            format!("{}, {}", it.kind.name(), rate(peak, ARITHMETIC.unit)),
            [[peak / bandwidth, peak], [right, peak]],
        )
    });
    [slope].into_iter().chain(levels).collect()
}
