//! Whole models: how long texts take, and how many tokens a second go through.

use clap::ValueEnum;

use super::axis::{Axis, Ticks};
use super::plot::{Look, Plot, Series};
use super::scaling::{add, fastest};
use crate::bench::model::{Model, Run};
use crate::model_args::{DType, value_name};

const TOKENS: Axis = Axis {
    what: "tokens of each text",
    ..super::scaling::TOKENS
};

const LATENCY: Axis = Axis {
    what: "time for all",
    unit: "s",
    ticks: Ticks::Prefixed,
};

const THROUGHPUT: Axis = Axis {
    what: "throughput",
    unit: "tokens/s",
    ticks: Ticks::Prefixed,
};

/// Of one model with each type of weights: their latencies on the same axes.
pub(super) fn plots(models: &[&Model]) -> Vec<Plot> {
    let mut latencies: Vec<Plot> = models.iter().map(|model| latency(model)).collect();
    let all = latencies.iter().flat_map(|it| &it.series);
    let all: Vec<[f64; 2]> = all.flat_map(|it| it.points.clone()).collect();
    for latency in &mut latencies {
        latency.beside.clone_from(&all);
    }
    latencies.into_iter().chain([throughput(models)]).collect()
}

/// By the tokens of each text: what half of the runs take at most, and where there were enough of them, what 99 of 100 do.
fn latency(model: &Model) -> Plot {
    let mut series: Vec<Series> = vec![];
    for run in &model.runs {
        let tokens = run.tokens as f64;
        add(&mut series, &texts(run), [tokens, run.p50]);
    }
    let medians = series.iter().enumerate();
    let mut tails: Vec<Series> = medians
        .map(|(number, of)| tail(number, of, model))
        .collect();
    series.append(&mut tails);
    series.retain(|series| !series.points.is_empty());
    for series in &mut series {
        series.points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    }
    Plot {
        title: format!("Latency, {} weights", model.dtype),
        note: "From token ids until all texts have their vectors on the host: the median, by how many texts at once; and \
               p99 of what ran a hundred times."
            .to_owned(),
        x: TOKENS,
        y: LATENCY,
        series,
        beside: vec![],
    }
}

/// p99 of the runs whose medians are that series.
fn tail(number: usize, of: &Series, model: &Model) -> Series {
    let runs = model.runs.iter().filter(|run| texts(run) == of.name);
    let points = runs.filter_map(|run| Some([run.tokens as f64, run.p99?]));
    Series {
        name: format!("{}, p99", of.name),
        look: Look::Tail(number),
        points: points.collect(),
    }
}

fn throughput(models: &[&Model]) -> Plot {
    // Each type has its look, whichever were measured.
    let types = DType::value_variants().iter().map(value_name);
    let mut series: Vec<Series> = types
        .map(|name| Series {
            name,
            look: Look::Line,
            points: vec![],
        })
        .collect();
    for model in models {
        for run in &model.runs {
            let point = [run.tokens as f64, run.tokens_per_second];
            add(&mut series, &model.dtype, point);
        }
    }
    for series in &mut series {
        series.points = fastest(std::mem::take(&mut series.points));
    }
    Plot {
        title: "Throughput".to_owned(),
        note: "With as many texts at once as are fastest, for each type of weights.".to_owned(),
        x: TOKENS,
        y: THROUGHPUT,
        series,
        beside: vec![],
    }
}

fn texts(run: &Run) -> String {
    match run.texts {
        1 => "1 text".to_owned(),
        texts => format!("{texts} texts"),
    }
}
