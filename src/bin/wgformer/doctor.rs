//! `doctor`: what is there, what would be taken, and whether it computes correctly.

use std::io::Write;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use wgformer::gpu::{AdapterChoice, Capabilities};
use wgformer::verify::{Row, Verdict};
use wgformer::{Gpu, verify};

use crate::adapter::{Adapter, AdapterArgs};
use crate::output::{Output, print_document};
use crate::quiet::quietly;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    adapter: AdapterArgs,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    adapters: Vec<Listed>,
    /// A place in the list above; `None` where nothing can be taken.
    chosen: Option<usize>,
    reason: String,
    self_test: Option<SelfTest>,
}

#[derive(Serialize)]
struct Listed {
    index: usize,
    #[serde(flatten)]
    adapter: Adapter,
}

#[derive(Serialize)]
struct SelfTest {
    verdict: Verdict,
    results: Vec<Row>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let choice = arguments.adapter.choice();
    let (all, gpu) = quietly(|| (Gpu::adapters(), Gpu::with_adapter(&choice)));
    let (chosen, reason, self_test) = match &gpu {
        Ok(gpu) => {
            let chosen = all
                .iter()
                .position(|adapter| is_same(adapter, gpu.capabilities()));
            (chosen, reason(arguments, &choice), Some(self_test(gpu)?))
        }
        Err(error) => (None, error.to_string(), None),
    };
    let adapters = (0..)
        .zip(&all)
        .map(|(index, adapter)| Listed {
            index,
            adapter: Adapter::of(adapter),
        })
        .collect();
    let report = Report {
        adapters,
        chosen,
        reason,
        self_test,
    };
    if arguments.json {
        print_document(&report)?;
    } else if report.chosen.is_some() {
        print(&report)?;
    }
    let gpu = gpu?;
    match report.self_test {
        Some(test) if test.verdict == Verdict::Fail => Err(anyhow!(
            "{} computes wrongly: update its driver, or choose another with --adapter",
            gpu.capabilities()
        )),
        _ => Ok(()),
    }
}

fn is_same(a: &Capabilities, b: &Capabilities) -> bool {
    let key = |adapter: &Capabilities| {
        let info = &adapter.info;
        (
            info.name.clone(),
            info.backend,
            info.vendor,
            info.device,
            info.device_pci_bus_id.clone(),
        )
    };
    key(a) == key(b)
}

fn reason(arguments: &Arguments, choice: &AdapterChoice) -> String {
    const BEST: &str =
        "a discrete GPU before an integrated one before software, GL only without another";
    match (choice, std::env::var("WGPU_BACKEND")) {
        _ if arguments.adapter.adapter.is_some() => "--adapter names it".to_owned(),
        (AdapterChoice::Named(_), _) => "WGPU_ADAPTER_NAME names it".to_owned(),
        (_, Ok(backend)) => format!("the best that WGPU_BACKEND={backend} allows: {BEST}"),
        (_, Err(_)) => format!("the best there is: {BEST}"),
    }
}

fn self_test(gpu: &Gpu) -> Result<SelfTest> {
    let results = verify::report(gpu, &verify::cases::quick(), || ())?;
    let failed = results.iter().any(|row| row.verdict == Verdict::Fail);
    let verdict = if failed { Verdict::Fail } else { Verdict::Pass };
    Ok(SelfTest { verdict, results })
}

fn print(report: &Report) -> Result<()> {
    let mut stdout = Output::stdout();
    for Listed { index, adapter } in &report.adapters {
        let Adapter {
            name,
            backend,
            kind,
            driver,
            driver_info,
            subgroup_sizes: [min, max],
            features,
            cooperative_matrices,
            limits,
        } = adapter;
        let mark = if Some(*index) == report.chosen {
            "*"
        } else {
            " "
        };
        writeln!(stdout, "{mark} {index}: {name}")?;
        writeln!(stdout, "     back end   {backend}, {kind}")?;
        writeln!(stdout, "     driver     {driver} {driver_info}")?;
        writeln!(stdout, "     subgroups  {min} to {max} lanes")?;
        writeln!(
            stdout,
            "     features   {}",
            if features.is_empty() {
                "none".to_owned()
            } else {
                features.join(", ")
            }
        )?;
        if !cooperative_matrices.is_empty() {
            let sizes = cooperative_matrices.iter();
            let sizes = sizes.map(|size| format!("{size} x {size}"));
            let sizes = sizes.collect::<Vec<_>>().join(", ");
            writeln!(stdout, "     matrices   {sizes} of f16, sums in f32")?;
        }
        writeln!(
            stdout,
            "     limits     {} MiB a binding, {} MiB a buffer, {} storage buffers, {} KiB of workgroup memory, {} lanes a workgroup",
            limits.max_storage_buffer_binding_size >> 20,
            limits.max_buffer_size >> 20,
            limits.max_storage_buffers_per_shader_stage,
            limits.max_compute_workgroup_storage_size >> 10,
            limits.max_compute_invocations_per_workgroup,
        )?;
    }
    let chosen = report
        .chosen
        .map_or_else(|| "none".to_owned(), |chosen| chosen.to_string());
    writeln!(stdout, "\nchosen: {chosen} ({})", report.reason)?;
    let rows = report.self_test.iter().flat_map(|test| &test.results);
    let (wrong, others): (Vec<_>, Vec<_>) = rows.partition(|row| row.verdict == Verdict::Fail);
    let right = others
        .iter()
        .filter(|row| row.verdict == Verdict::Pass)
        .count();
    let total = right + wrong.len();
    writeln!(
        stdout,
        "self-test: {right} of {total} checks agree with the reference; `wgformer verify` runs more cases"
    )?;
    for row in wrong {
        let reason = row.reason.as_deref().unwrap_or_default();
        writeln!(
            stdout,
            "  {} by {} ({}): {reason}",
            row.operation, row.kernel, row.variant
        )?;
    }
    stdout.finish()
}
