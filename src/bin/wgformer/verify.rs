//! `verify`: every kernel, and then a model's forward pass and its heads step by step, against the reference.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use clap::Args;
use comfy_table::CellAlignment;
use serde::Serialize;
use wgformer::models::Network;
use wgformer::plan::{Plan, PlanOptions};
use wgformer::tensor::{Sizes, WeightType};
use wgformer::verify::{Row, Verdict};
use wgformer::{Gpu, verify};

use crate::adapter::{Adapter, AdapterArgs};
use crate::locate::locate;
use crate::networks::{Named, networks};
use crate::numbers::table;
use crate::output::{Output, print_document};
use crate::progress::Progress;

#[derive(Args)]
pub(crate) struct Arguments {
    /// A model to run step by step as well: a folder, or a name in models/ or in the Hugging Face cache.
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    adapter: Adapter,
    results: Vec<Row>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // Before the minutes that the kernels take.
    let model = arguments.model.as_deref().map(locate).transpose()?;
    let gpu = arguments.adapter.open()?;
    let model = model.map(|directory| networks(&directory, &gpu, WeightType::F32));
    let model = model.transpose()?;

    let cases = verify::cases::all();
    let mut progress = Progress::new(Some(cases.len() as u64), "cases");
    let mut results = verify::report(&gpu, &cases, || progress.advance(1))?;
    drop(progress);
    let steps = model.map_or_else(|| Ok(Vec::new()), |(_, networks)| steps(&gpu, networks));
    results.extend(steps.as_ref().ok().into_iter().flatten().cloned());

    let adapter = Adapter::of(gpu.capabilities());
    let report = Report { adapter, results };
    if arguments.json {
        print_document(&report)?;
    } else {
        print(&gpu, &report.results)?;
    }
    steps?; // what could be found out is printed
    let verdicts = report.results.iter().map(|row| row.verdict);
    judge(verdicts, &gpu.capabilities().to_string())
}

/// An error if anything is wrong.
fn judge(verdicts: impl Iterator<Item = Verdict> + Clone, adapter: &str) -> Result<()> {
    let total = verdicts.clone().count();
    let failed = verdicts.filter(|it| *it == Verdict::Fail).count();
    if failed == 0 {
        return Ok(());
    }
    Err(anyhow!(
        "{failed} of {total} checks failed on {adapter}: update its driver, or choose another adapter with --adapter"
    ))
}

/// The steps of all that a model runs, each a row.
fn steps(gpu: &Gpu, networks: Vec<Named>) -> Result<Vec<Row>> {
    let capacity = Sizes {
        tokens: 64,
        sequences: 6,
        longest: 40,
    };
    let mut outcomes = Vec::new();
    for named in networks {
        let Network { graph, weights, .. } = named.network;
        let options = PlanOptions::new(capacity);
        let plan = Plan::compile(gpu, &graph, Arc::clone(&weights), &options)?;
        outcomes.extend(verify::steps(&plan, &*weights)?);
    }
    Ok(verify::rows(&outcomes))
}

fn print(gpu: &Gpu, rows: &[Row]) -> Result<()> {
    let mut stdout = Output::stdout();
    writeln!(stdout, "{}\n", gpu.capabilities())?;
    writeln!(stdout, "{}", table_of(rows))?;
    for row in rows.iter().filter(|row| row.verdict == Verdict::Fail) {
        let reason = row.reason.as_deref().unwrap_or_default();
        writeln!(
            stdout,
            "\n{} by {} ({}): {reason}",
            row.operation, row.kernel, row.variant
        )?;
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (passed, failed, skipped) = (
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::Skipped),
    );
    writeln!(
        stdout,
        "\n{passed} passed, {failed} failed, {skipped} skipped"
    )?;
    stdout.finish()
}

fn table_of(rows: &[Row]) -> String {
    let header = [
        "operation",
        "kernel",
        "variant",
        "cases",
        "worst error",
        "tolerance",
        "verdict",
    ];
    let mut table = table(&header, 3);
    if let Some(verdict) = table.column_mut(6) {
        verdict.set_cell_alignment(CellAlignment::Left);
    }
    for row in rows {
        let [cases, worst, tolerance] = match row.verdict {
            Verdict::Skipped => Default::default(),
            _ => [
                row.cases.to_string(),
                format!("{:.2e}", row.worst),
                format!("{:.2e}", row.tolerance),
            ],
        };
        let verdict = match (row.verdict, &row.reason) {
            (Verdict::Pass, _) => "pass".to_owned(),
            (Verdict::Fail, _) => "FAIL".to_owned(),
            (_, reason) => {
                format!("skipped: {}", reason.as_deref().unwrap_or_default())
            }
        };
        table.add_row([
            &row.operation,
            row.kernel,
            &row.variant,
            &cases,
            &worst,
            &tolerance,
            &verdict,
        ]);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_kernel_is_an_error() {
        use Verdict::{Fail, Pass, Skipped};
        assert!(judge([Pass, Skipped].into_iter(), "here").is_ok());
        let error = judge([Pass, Fail, Skipped].into_iter(), "here").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("1 of 3 checks failed on here"),
            "{error}"
        );
    }
}
