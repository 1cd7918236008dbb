//! `doctor`: what is there, what would be taken, and whether it computes correctly.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use wgformer::gpu::{AdapterChoice, Capabilities};
use wgformer::{Gpu, verify};

use crate::model_args::choice;
use crate::quiet::quietly;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Part of an adapter's name, or its number in this list.
    #[arg(long, value_name = "SUBSTRING|INDEX")]
    adapter: Option<String>,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    adapters: Vec<Adapter>,
    chosen: usize,
    reason: &'static str,
    self_test: SelfTest,
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

#[derive(Serialize)]
struct SelfTest {
    verdict: &'static str,
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
    let gpu = gpu?;
    let chosen = all
        .iter()
        .position(|adapter| is_same(adapter, gpu.capabilities()))
        .unwrap_or_default();
    let report = Report {
        adapters: all.iter().enumerate().map(describe).collect(),
        chosen,
        reason: reason(arguments, &choice),
        self_test: self_test(&gpu)?,
    };
    if arguments.json {
        let mut stdout = io::stdout().lock();
        serde_json::to_writer_pretty(&mut stdout, &report).map_err(io::Error::from)?;
        writeln!(stdout)?;
    } else {
        print(&report)?;
    }
    match report.self_test.verdict {
        "pass" => Ok(()),
        _ => Err(anyhow!(
            "{} computes wrongly: update its driver, or choose another with --adapter",
            gpu.capabilities()
        )),
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

fn reason(arguments: &Arguments, choice: &AdapterChoice) -> &'static str {
    match choice {
        _ if arguments.adapter.is_some() => "--adapter names it",
        AdapterChoice::Named(_) => "WGPU_ADAPTER_NAME names it",
        _ => {
            "the best there is: a discrete GPU before an integrated one before software, GL only without another"
        }
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

fn self_test(gpu: &Gpu) -> Result<SelfTest> {
    let mut kernels = Vec::new();
    for case in verify::quick_cases()? {
        for outcome in verify::check(gpu, &case)? {
            let verify::Outcome {
                operation,
                kernel,
                worst,
                failure,
                ..
            } = outcome;
            kernels.push(KernelResult {
                operation,
                kernel,
                worst,
                failure,
            });
        }
    }
    let verdict = if kernels.iter().all(|kernel| kernel.failure.is_none()) {
        "pass"
    } else {
        "fail"
    };
    Ok(SelfTest { verdict, kernels })
}

fn print(report: &Report) -> Result<()> {
    let mut stdout = io::stdout().lock();
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
        let mark = if *index == report.chosen { "*" } else { " " };
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
    writeln!(stdout, "\nchosen: {} ({})", report.chosen, report.reason)?;
    let failures: Vec<&KernelResult> = report
        .self_test
        .kernels
        .iter()
        .filter(|kernel| kernel.failure.is_some())
        .collect();
    writeln!(
        stdout,
        "self-test: {} of {} kernel runs agree with the reference",
        report.self_test.kernels.len() - failures.len(),
        report.self_test.kernels.len()
    )?;
    for KernelResult {
        operation,
        kernel,
        failure,
        ..
    } in failures
    {
        writeln!(
            stdout,
            "  {operation} by {kernel}: {}",
            failure.as_deref().unwrap_or_default()
        )?;
    }
    Ok(())
}
