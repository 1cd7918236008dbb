//! `doctor`: what is there, what would be taken, and whether it computes correctly.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;
use wgformer::gpu::{AdapterChoice, Capabilities};
use wgformer::models::{MaskedLm, Model, ModelOptions};
use wgformer::plan;
use wgformer::tuning::{AdapterClass, ChosenBy, Measurements};
use wgformer::verify::{Row, Verdict};
use wgformer::{Gpu, verify};

use crate::adapter::{Adapter, AdapterArgs, Limits};
use crate::locate::locate;
use crate::model_args::{DEFAULT_MODEL, DType, value_name};
use crate::networks::{Named, networks};
use crate::output::{Output, print_document};
use crate::quiet::quietly;
use crate::tuned;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    adapter: AdapterArgs,
    /// Show what runs each step of a model, and why: a folder, or a name in models/ or in the Hugging Face cache
    /// [default: all-MiniLM-L6-v2].
    #[arg(long, value_name = "NAME|DIR", num_args = 0..=1, default_missing_value = DEFAULT_MODEL)]
    plan: Option<String>,
    /// How the plan's weight matrices are stored.
    #[arg(long, value_enum, requires = "plan", default_value_t = DType::F32)]
    dtype: DType,
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
    /// Of all that the model runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plans: Vec<Plan>,
}

#[derive(Serialize)]
struct Plan {
    /// The subcommand that runs it.
    command: &'static str,
    /// Who chose the kernels.
    reason: String,
    summary: String,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    /// What is read and written, where, by which kernel and how many workgroups.
    step: String,
    kernel: &'static str,
    reason: String,
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
    /// Whether the adapter has timestamps that are right.
    timestamps: bool,
    results: Vec<Row>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let choice = arguments.adapter.choice();
    let (all, gpu) = quietly(|| (Gpu::adapters(), Gpu::open(&choice)));
    let mut plans = Vec::new();
    let (chosen, reason, self_test) = match &gpu {
        Ok(gpu) => {
            if let Some(model) = &arguments.plan {
                plans = plans_of(gpu, model, arguments.dtype)?;
            }
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
        plans,
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

/// The plan of each of a model's networks, with the batches that they would have here.
fn plans_of(gpu: &Gpu, model: &str, dtype: DType) -> Result<Vec<Plan>> {
    let measured = Measured::read(gpu.capabilities());
    let options = ModelOptions::default()
        .weight_type(dtype.into())
        .selection(tuned::selection(&[], measured.measurements.clone()));
    let (folder, networks) = networks(&locate(model)?, gpu, dtype.into())?;
    let describe = |command, plan: &plan::Plan| describe(command, plan, dtype, &measured);
    let plans = networks.into_iter().map(|Named { command, head, .. }| {
        let any_length = usize::MAX;
        if let Some(head) = head {
            let model = Model::load(gpu, &folder, head, any_length, &options)?;
            return describe(command, model.plan());
        }
        let model = MaskedLm::load(gpu, &folder, any_length, &options)?;
        // Of a large vocabulary the first part: the others are like it.
        describe(command, &model.head()[0])
    });
    plans.collect()
}

/// What `tune` left of an adapter.
struct Measured {
    measurements: Option<Measurements>,
    /// Why there is a file and nothing of it holds.
    ignored: Option<String>,
}

impl Measured {
    fn read(capabilities: &Capabilities) -> Self {
        match tuned::read(capabilities) {
            Ok(measurements) => Self {
                measurements,
                ignored: None,
            },
            Err(error) => Self {
                measurements: None,
                ignored: Some(error.to_string()),
            },
        }
    }
}

fn describe(
    command: &'static str,
    plan: &plan::Plan,
    dtype: DType,
    measured: &Measured,
) -> Result<Plan> {
    let capabilities = plan.gpu().capabilities();
    let is_measured = measured.measurements.is_some();
    let ignored = match measured.ignored.clone() {
        None if is_measured => ignored_by(plan, dtype, &tuned::file(capabilities)?),
        ignored => ignored,
    };
    let reason = match ignored {
        None if is_measured => format!(
            "what `wgformer tune` measured, {}, else the built-in choice for {}",
            tuned::file(capabilities)?.display(),
            AdapterClass::of(capabilities)
        ),
        ignored => built_in(capabilities, ignored.as_deref()),
    };
    let text = plan.to_string();
    let mut lines = text.lines().map(str::to_owned);
    let summary = lines.next().unwrap_or_default();
    let chosen = plan.variants(plan.capacity()).zip(plan.reasons());
    let steps = lines.zip(chosen).map(|(step, (variant, reason))| Step {
        step,
        kernel: variant.kernel.name,
        reason: reason.to_string(),
    });
    Ok(Plan {
        command,
        reason,
        summary,
        steps: steps.collect(),
    })
}

/// Why a plan took nothing of a file of measurements; `None` if it took something.
fn ignored_by(plan: &plan::Plan, dtype: DType, file: &Path) -> Option<String> {
    let chosen_by = |by| plan.reasons().any(|reason| reason.chosen_by == by);
    if chosen_by(ChosenBy::Measurements) {
        return None;
    }
    let file = file.display();
    Some(if chosen_by(ChosenBy::OutdatedMeasurements) {
        format!(
            "{file}: it was measured with other kernels or tiles than there are; measure again (`wgformer tune`)"
        )
    } else {
        let dtype = value_name(&dtype);
        format!("{file}: it says nothing of this model with {dtype} weights")
    })
}

fn built_in(capabilities: &Capabilities, ignored: Option<&str>) -> String {
    let class = AdapterClass::of(capabilities);
    match ignored {
        Some(why) => format!("the built-in choice for {class}; ignored: {why}"),
        None => format!(
            "the built-in choice for {class}; docs/performance.md has its figures, `wgformer tune` measures instead"
        ),
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
    const BEST: &str = "a discrete GPU before an integrated one before software, \
                        wide vectors before narrow ones, GL only without another";
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
    Ok(SelfTest {
        verdict,
        timestamps: gpu.has_timestamps(),
        results,
    })
}

fn print(report: &Report) -> Result<()> {
    let mut stdout = Output::stdout();
    for listed in &report.adapters {
        print_adapter(&mut stdout, listed, report.chosen)?;
    }
    let chosen = report
        .chosen
        .map_or_else(|| "none".to_owned(), |chosen| chosen.to_string());
    writeln!(stdout, "\nchosen: {chosen} ({})", report.reason)?;
    if let Some(test) = &report.self_test {
        print_self_test(&mut stdout, test)?;
    }
    for plan in &report.plans {
        print_plan(&mut stdout, plan)?;
    }
    stdout.finish()
}

fn print_adapter(stdout: &mut Output, listed: &Listed, chosen: Option<usize>) -> Result<()> {
    let Listed { index, adapter } = listed;
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
    let mark = if Some(*index) == chosen { "*" } else { " " };
    let features = if features.is_empty() {
        "none".to_owned()
    } else {
        features.join(", ")
    };
    writeln!(stdout, "{mark} {index}: {name}")?;
    writeln!(stdout, "     back end   {backend}, {kind}")?;
    writeln!(stdout, "     driver     {driver} {driver_info}")?;
    writeln!(stdout, "     subgroups  {min} to {max} lanes")?;
    writeln!(stdout, "     features   {features}")?;
    if !cooperative_matrices.is_empty() {
        let sizes = cooperative_matrices.iter();
        let sizes = sizes.map(|size| format!("{size} x {size}"));
        let sizes = sizes.collect::<Vec<_>>().join(", ");
        writeln!(stdout, "     matrices   {sizes} of f16, sums in f32")?;
    }
    print_limits(stdout, limits)
}

fn print_limits(stdout: &mut Output, limits: &Limits) -> Result<()> {
    writeln!(
        stdout,
        "     limits     {} MiB a binding, {} MiB a buffer, {} storage buffers, {} KiB of workgroup memory, {} lanes a workgroup",
        limits.max_storage_buffer_binding_size >> 20,
        limits.max_buffer_size >> 20,
        limits.max_storage_buffers_per_shader_stage,
        limits.max_compute_workgroup_storage_size >> 10,
        limits.max_compute_invocations_per_workgroup,
    )?;
    Ok(())
}

/// How many checks agree, and each that does not; and which clock times what runs.
fn print_self_test(stdout: &mut Output, test: &SelfTest) -> Result<()> {
    let results = &test.results;
    let with = |verdict| results.iter().filter(move |row| row.verdict == verdict);
    let (right, wrong) = (with(Verdict::Pass).count(), with(Verdict::Fail));
    let total = right + wrong.clone().count();
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
    let clock = match test.timestamps {
        true => "the adapter's timestamps",
        false => "the host, since the adapter has no timestamps that work",
    };
    writeln!(stdout, "clock: {clock}")?;
    Ok(())
}

fn print_plan(stdout: &mut Output, plan: &Plan) -> Result<()> {
    writeln!(stdout, "\nkernels of {}: {}", plan.command, plan.reason)?;
    writeln!(stdout, "{}", plan.summary)?;
    for step in &plan.steps {
        writeln!(stdout, "{}", step.step)?;
    }
    writeln!(stdout, "\nwhy these:")?;
    let mut said = HashSet::new();
    for Step { kernel, reason, .. } in &plan.steps {
        if said.insert((kernel, reason)) {
            writeln!(stdout, "  {kernel}: {reason}")?;
        }
    }
    Ok(())
}
