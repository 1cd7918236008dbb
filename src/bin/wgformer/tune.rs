//! `tune`: which kernels and tiles are fastest on this adapter, for a model's shapes.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use wgformer::tensor::WeightType;
use wgformer::tuning::{Bound, Measurements};
use wgformer::verify;

use crate::adapter::{Adapter, AdapterArgs};
use crate::locate::locate;
use crate::model_args::{DEFAULT_MODEL, DType};
use crate::networks::{Named, networks};
use crate::numbers::table;
use crate::output::{Output, print_document};
use crate::progress::Progress;
use crate::tuned;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Whose shapes to measure: a folder, or a name in models/ or in the Hugging Face cache.
    #[arg(long, value_name = "NAME|DIR", default_value = DEFAULT_MODEL)]
    model: String,
    /// For weights of this type alone [default: all].
    #[arg(long, value_enum)]
    dtype: Option<DType>,
    /// Take no longer: of what is left the built-in choice stays.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    adapter: Adapter,
    file: PathBuf,
    seconds: f64,
    measured: Vec<Measured>,
    /// Shapes for which there was no time.
    left: usize,
    /// Whether there was time for every number of rows of every shape.
    complete: bool,
}

#[derive(Serialize)]
struct Measured {
    /// Operation, weights' type and shapes.
    node: String,
    fastest: Vec<Bound>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let directory = locate(&arguments.model)?;
    let gpu = arguments.adapter.open()?;
    let capabilities = gpu.capabilities();
    let file = tuned::file(capabilities)?;

    let start = Instant::now();
    let types = match arguments.dtype {
        Some(dtype) => vec![dtype.into()],
        None => WeightType::ALL.to_vec(),
    };
    let (mut tunables, mut classes) = (Vec::new(), HashSet::new());
    for weight_type in types {
        for Named { network, .. } in networks(&directory, &gpu, weight_type)?.1 {
            for tunable in verify::tunables(&gpu, &network.graph, weight_type) {
                // A head's graph has the encoder's nodes again.
                if classes.insert(tunable.class().to_owned()) {
                    tunables.push(tunable);
                }
            }
        }
    }
    let mut progress = Progress::new(None, "measurements");
    let mut found = Measurements::new(capabilities);
    let limit = Duration::from_secs(arguments.seconds);
    let complete = verify::tune(&gpu, &tunables, &mut found, |longest| {
        progress.advance(1);
        start.elapsed() + longest < limit
    })?;
    drop(progress);

    let measured = found.nodes().map(|(node, fastest)| Measured {
        node: node.to_owned(),
        fastest: fastest.to_vec(),
    });
    let report = Report {
        adapter: Adapter::of(capabilities),
        seconds: start.elapsed().as_secs_f64(),
        left: tunables.len() - found.nodes().len(),
        complete,
        measured: measured.collect(),
        file,
    };
    if !report.measured.is_empty() {
        // Of other models, what was measured before still holds.
        let mut all =
            tuned::measurements(capabilities).unwrap_or_else(|| Measurements::new(capabilities));
        all.extend(found);
        all.write(&report.file)?;
    }
    if arguments.json {
        print_document(&report)
    } else {
        print(&report, &capabilities.to_string())
    }
}

fn print(report: &Report, adapter: &str) -> Result<()> {
    let mut stdout = Output::stdout();
    writeln!(stdout, "{adapter}\n")?;
    if report.measured.is_empty() && report.left == 0 {
        writeln!(
            stdout,
            "There is one way to run each step of this model here: nothing to measure, nothing kept."
        )?;
    } else if report.measured.is_empty() {
        writeln!(stdout, "There was time for nothing, and nothing is kept.")?;
    } else {
        let mut table = table(&["step", "up to rows", "fastest"], 3);
        for measured in &report.measured {
            for (place, bound) in measured.fastest.iter().enumerate() {
                let node = if place == 0 { &measured.node[..] } else { "" };
                let rows = bound
                    .most_rows
                    .map_or_else(|| "any".to_owned(), |rows| rows.to_string());
                table.add_row([node, &rows, &bound.variant]);
            }
        }
        writeln!(stdout, "{table}\n")?;
        let (seconds, file) = (report.seconds, report.file.display());
        writeln!(
            stdout,
            "{seconds:.1} s; kept in {file}, which every command that runs a model uses from now on"
        )?;
    }
    if report.left > 0 {
        writeln!(
            stdout,
            "{} shapes were not measured, for which the built-in choice stays: give --seconds more time",
            report.left
        )?;
    } else if !report.complete {
        writeln!(
            stdout,
            "not every number of rows was measured, for which the built-in choice stays: give --seconds more time"
        )?;
    }
    stdout.finish()
}
