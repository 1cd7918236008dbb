//! `doctor`: what is there, what would be taken, and whether it computes correctly.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use wgformer::gpu::{AdapterChoice, Capabilities};
use wgformer::{Gpu, verify};

use crate::model_args::choice;
use crate::output::Output;
use crate::quiet::quietly;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Part of an adapter's name, or its number in this list.
    #[arg(long, value_name = "SUBSTRING|INDEX", value_parser = NonEmptyStringValueParser::new())]
    adapter: Option<String>,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    adapters: Vec<Adapter>,
    /// A place in the list above; `None` where nothing can be taken.
    chosen: Option<usize>,
    reason: String,
    self_test: Option<SelfTest>,
}

#[derive(Serialize)]
struct Adapter {
    index: usize,
    name: String,
    backend: String,
    #[serde(rename = "type")]
    kind: String,
    driver: String,
    driver_info: String,
    subgroup_sizes: [u32; 2],
    features: Vec<&'static str>,
    limits: Limits,
}

#[derive(Serialize)]
struct Limits {
    max_buffer_size: u64,
    max_storage_buffer_binding_size: u64,
    max_storage_buffers_per_shader_stage: u32,
    max_compute_workgroup_storage_size: u32,
    max_compute_invocations_per_workgroup: u32,
    max_compute_workgroups_per_dimension: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Fail,
}

#[derive(Serialize)]
struct SelfTest {
    verdict: Verdict,
    kernels: Vec<KernelResult>,
}

#[derive(Serialize)]
struct KernelResult {
    operation: &'static str,
    kernel: &'static str,
    /// The largest error as a share of the tolerance.
    worst: f64,
    failure: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let choice = choice(arguments.adapter.as_deref());
    let (all, gpu) = quietly(|| (Gpu::adapters(), Gpu::with_adapter(&choice)));
    let (chosen, reason, self_test) = match &gpu {
        Ok(gpu) => {
            let chosen = all
                .iter()
                .position(|adapter| is_same(adapter, gpu.capabilities()));
            (chosen, reason(arguments, &choice), Some(self_test(gpu)))
        }
        Err(error) => (None, error.to_string(), None),
    };
    let adapters = all.iter().enumerate().map(describe).collect();
    let report = Report {
        adapters,
        chosen,
        reason,
        self_test,
    };
    if arguments.json {
        let mut stdout = Output::stdout();
        serde_json::to_writer_pretty(&mut stdout, &report).map_err(io::Error::from)?;
        writeln!(stdout)?;
        stdout.finish()?;
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
        _ if arguments.adapter.is_some() => "--adapter names it".to_owned(),
        (AdapterChoice::Named(_), _) => "WGPU_ADAPTER_NAME names it".to_owned(),
        (_, Ok(backend)) => format!("the best that WGPU_BACKEND={backend} allows: {BEST}"),
        (_, Err(_)) => format!("the best there is: {BEST}"),
    }
}

fn describe((index, adapter): (usize, &Capabilities)) -> Adapter {
    let (info, limits) = (&adapter.info, &adapter.limits);
    let optional = [
        ("subgroups", wgpu::Features::SUBGROUP),
        ("f16 arithmetic", wgpu::Features::SHADER_F16),
        (
            "cooperative matrix",
            wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
        ),
        ("timestamps", wgpu::Features::TIMESTAMP_QUERY),
        ("pipeline cache", wgpu::Features::PIPELINE_CACHE),
    ];
    Adapter {
        index,
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        kind: format!("{:?}", info.device_type),
        driver: info.driver.clone(),
        driver_info: info.driver_info.clone(),
        subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
        features: optional
            .iter()
            .filter(|(_, feature)| adapter.features.contains(*feature))
            .map(|(name, _)| *name)
            .collect(),
        limits: Limits {
            max_buffer_size: limits.max_buffer_size,
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
            max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage,
            max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
            max_compute_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
        },
    }
}

fn self_test(gpu: &Gpu) -> SelfTest {
    let mut kernels = Vec::new();
    for case in verify::quick_cases().expect("the case table fits its operations") {
        match verify::check(gpu, &case) {
            Ok(outcomes) => kernels.extend(outcomes.into_iter().map(|outcome| KernelResult {
                operation: outcome.operation,
                kernel: outcome.kernel,
                worst: outcome.worst,
                failure: outcome.failure,
            })),
            // A kernel that does not compile is a finding like a wrong result.
            Err(error) => kernels.push(KernelResult {
                operation: case.operation,
                kernel: case.operation,
                worst: f64::INFINITY,
                failure: Some(error.to_string()),
            }),
        }
    }
    let passes = kernels.iter().all(|kernel| kernel.failure.is_none());
    SelfTest {
        verdict: if passes { Verdict::Pass } else { Verdict::Fail },
        kernels,
    }
}

fn print(report: &Report) -> Result<()> {
    let mut stdout = Output::stdout();
    for adapter in &report.adapters {
        let Adapter {
            index,
            name,
            backend,
            kind,
            driver,
            driver_info,
            subgroup_sizes: [min, max],
            features,
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
    let kernels = report.self_test.iter().flat_map(|test| &test.kernels);
    let (right, wrong): (Vec<_>, Vec<_>) = kernels.partition(|kernel| kernel.failure.is_none());
    let total = right.len() + wrong.len();
    writeln!(
        stdout,
        "self-test: {} of {total} kernel runs agree with the reference",
        right.len()
    )?;
    for KernelResult {
        operation,
        kernel,
        failure,
        ..
    } in wrong
    {
        writeln!(
            stdout,
            "  {operation} by {kernel}: {}",
            failure.as_deref().unwrap_or_default()
        )?;
    }
    stdout.finish()
}
