//! `bench`: what an adapter can do, and how fast the kernels are on it.

mod checked;
mod compare;
mod device;
mod html;
mod kernels;
mod reference;
mod report;
mod samples;
mod shapes;
mod table;
mod timed_pass;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use wgformer::Gpu;

use crate::adapter::{Adapter, AdapterArgs};
use crate::output::{Output, print_document};
use crate::progress::Progress;
use device::Device;
use report::{Host, Report, SCHEMA_VERSION};
use samples::Repeats;
use shapes::Shape;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Measure the most telling things only, in less than a minute.
    #[arg(long)]
    quick: bool,
    /// Begin no other size of a kernel after so long, such as 60s or 5m [default: 60s, with --quick 30s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    time_budget: Option<Duration>,
    /// The encoders whose sizes are measured; may be given several times [default: all, with --quick minilm-l6].
    #[arg(long = "shape", value_enum, value_name = "SHAPE")]
    shapes: Vec<Shape>,
    /// Measure these kernels alone, or kernels with tiles, such as linear_tile or "linear_tile 64x64".
    #[arg(long = "kernel", value_name = "KERNEL")]
    kernels: Vec<String>,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Write a page of plots and tables too, which needs nothing else to be read.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Measure nothing: show what `bench --json` printed before.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "time_budget", "shapes", "kernels", "adapter"])]
    from: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Say what became faster or slower between two runs of `bench --json`.
    Compare(compare::Arguments),
}

/// The numbers of tokens, the most telling first, since time may be short.
const TOKENS: [usize; 5] = [128, 512, 16, 2048, 8192];
const QUICK_TOKENS: [usize; 2] = [128, 16];

/// Of what is random.
const SEED: u64 = 3;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(Command::Compare(compare)) = &arguments.command {
        return compare::run(compare);
    }
    let page = arguments.page()?;
    let report = match &arguments.from {
        Some(path) => Report::read(path)?,
        None => arguments.measure(&arguments.adapter.open()?)?,
    };
    if let Some(page) = page {
        html::write(page, &report)?;
    }
    if arguments.json {
        print_document(&report)
    } else if arguments.is_page_printed() {
        Ok(())
    } else {
        table::print(&report, &report.adapter.to_string())
    }
}

impl Arguments {
    /// Where the page goes, which is known to be possible before anything is measured.
    fn page(&self) -> Result<Option<Output>> {
        if self.json && self.is_page_printed() {
            return Err(anyhow!(
                "--report - and --json would both be on standard output: give --report a file"
            ));
        }
        let path = self.report.as_deref();
        path.map(|path| Output::create(Some(path))).transpose()
    }

    fn is_page_printed(&self) -> bool {
        self.report.as_deref() == Some(Path::new("-"))
    }

    fn measure(&self, gpu: &Gpu) -> Result<Report> {
        let start = Instant::now();
        let plan = self.plan();
        let mut progress = Progress::new(Some(2 + plan.len() as u64), "sizes");
        let repeats = self.repeats();
        let device = Device::measure(gpu, repeats)?;
        progress.advance(1);
        let reference = reference::measure(gpu, repeats)?;
        progress.advance(1);
        let measured = plan.measure(gpu, &device, &reference, || progress.advance(1))?;
        drop(progress);
        Ok(Report {
            schema_version: SCHEMA_VERSION,
            wgformer: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("WGFORMER_COMMIT").map(str::to_owned),
            wgpu: wgformer::tuning::WGPU.to_owned(),
            adapter: Adapter::of(gpu.capabilities()),
            host: Host::here(),
            seed: SEED,
            seconds: start.elapsed().as_secs_f64(),
            device,
            reference,
            kernels: measured.kernels,
            left: measured.left,
            wrong: measured.wrong,
        })
    }

    fn plan(&self) -> kernels::Plan {
        let shapes = match (&self.shapes[..], self.quick) {
            ([], true) => vec![Shape::MiniLmL6],
            ([], false) => Shape::ALL.to_vec(),
            (shapes, _) => shapes.to_vec(),
        };
        let tokens = if self.quick {
            &QUICK_TOKENS[..]
        } else {
            &TOKENS[..]
        };
        let default = Duration::from_secs(if self.quick { 30 } else { 60 });
        kernels::Plan {
            shapes,
            tokens: tokens.to_vec(),
            budget: self.time_budget.unwrap_or(default),
            only: self.kernels.clone(),
        }
    }

    /// Of one thing about the device.
    fn repeats(&self) -> Repeats {
        Repeats {
            budget: Duration::from_millis(if self.quick { 100 } else { 500 }),
            least: 5,
            most: 50,
        }
    }
}
