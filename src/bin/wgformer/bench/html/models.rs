//! Whole models: how long texts take, and how many tokens a second go through.

use super::axis::{Axis, Ticks};
use super::plot::{Look, Plot, Series};
use super::scaling::{add, fastest};
use crate::bench::model::{Model, Run};

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

/// Of one model with each type of weights.
pub(super) fn plots(models: &[&Model]) -> Vec<Plot> {
    let latencies = models.iter().map(|model| latency(model));
    latencies.chain([throughput(models)]).collect()
}

/// By the tokens of each text: what half of the runs take at most, and what 99 of 100 do.
fn latency(model: &Model) -> Plot {
    let mut series: Vec<Series> = vec![];
    for run in &model.runs {
        let tokens = run.tokens as f64;
        add(&mut series, &texts(run), [tokens, run.p50]);
    }
    for series in &mut series {
        series.points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    }
    let slowest = model.runs.iter().map(|run| [run.tokens as f64, run.p99]);
    series.push(Series {
        name: "p99 of each".to_owned(),
        look: Look::Context,
        points: slowest.collect(),
    });
    Plot {
        title: format!("Latency, {} weights", model.dtype),
        note: "From token ids until all texts have their vectors on the host: the median, by how many texts at once."
            .to_owned(),
        x: TOKENS,
        y: LATENCY,
        series,
    }
}

fn throughput(models: &[&Model]) -> Plot {
    let mut series: Vec<Series> = vec![];
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
    }
}

fn texts(run: &Run) -> String {
    match run.texts {
        1 => "1 text".to_owned(),
        texts => format!("{texts} texts"),
    }
}
