//! The figures that this project holds itself to, in one table: each a ratio of things that are timed in turn in one run,
//! so that a machine that is slower for a while is slower for both; each verified first; of each the best of several
//! rounds.
//!
//! Many of them are ratios to B: how fast numpy multiplies f32 matrices of 1024 x 384 by 384 x 1536 on the same cores
//! (`scripts/openblas.py`, run by `PYTHON`, by default `python3`; without it, or without numpy, those ratios are left
//! out). Times in milliseconds are meant for a machine of B = 190 GFLOP/s, and their targets scaled to this one's.
//!
//! `cargo bench --bench targets` measures, `-- kernels`, `-- model`, `-- bulk` or `-- start` one part of it, and `-- --test` only verifies. How
//! attention grows with the length of a text is a test, `tests/scaling.rs`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its report"
)]

mod report;
mod openblas;
mod chain;
#[path = "../../src/bin/wgformer/bench/checked.rs"]
mod checked;
#[path = "../../src/bin/wgformer/bench/product.rs"]
mod product;
mod classic;
mod kernels;
#[path = "../common/minilm.rs"]
mod minilm;
mod model;
mod bulk;
mod start;

use std::time::{Duration, Instant};

use openblas::Openblas;
use report::Row;
use wgformer::Gpu;

/// What the parts of the benchmark share.
struct Bench {
    gpu: Gpu,
    openblas: Openblas,
    /// Whether anything is timed, or only verified.
    is_timed: bool,
}

/// The shortest time that something took, in seconds.
struct Best(f64);

impl Best {
    fn new() -> Self {
        Self(f64::INFINITY)
    }

    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.keep(start.elapsed());
        result
    }

    fn keep(&mut self, time: Duration) {
        self.0 = self.0.min(time.as_secs_f64());
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let mut filters = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'));
    let filter = filters.next();
    let is_wanted = |part: &str| filter.is_none_or(|filter| part.contains(filter.as_str()));
    if !["kernels", "model", "bulk", "start"]
        .into_iter()
        .any(is_wanted)
    {
        return; // the filter is for another benchmark
    }
    let gpu = Gpu::new().unwrap_or_else(|error| panic!("{error}"));
    let adapter = gpu.capabilities().to_string();
    eprintln!("adapter: {adapter}");
    let machine = report::machine();
    let mut bench = Bench {
        gpu,
        openblas: Openblas::new(),
        is_timed: has("--bench") && !has("--test"), // cargo passes the first to every benchmark
    };
    let kernels = is_wanted("kernels").then(|| kernels::measure(&mut bench));
    let model = is_wanted("model").then(|| model::measure(&mut bench));
    let bulk = is_wanted("bulk").then(|| bulk::measure(&bench));
    let start = is_wanted("start").then(|| start::measure(&bench));
    if !bench.is_timed {
        println!("targets: verified");
        return;
    }
    let b = bench.openblas.gflops();
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(kernels.iter().flat_map(|figures| figures.rows(b)));
    rows.extend(model.iter().flat_map(|figures| figures.rows(b)));
    rows.extend(bulk.iter().flat_map(bulk::Figures::rows));
    rows.extend(start.iter().flat_map(start::Figures::rows));
    println!("{machine}");
    println!("Adapter: {adapter}.");
    println!("{}.\n", bench.openblas);
    report::print(&adapter, &rows);
}
