//! `bench`: what an adapter can do, and how fast the kernels are on it.

mod alternate;
mod checked;
mod compare;
mod device;
mod html;
mod kernels;
mod model;
mod pace;
mod product;
mod reference;
mod report;
mod samples;
mod summary;
mod shapes;
mod subject;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use wgformer::Gpu;

use crate::adapter::{Adapter, AdapterArgs};
use crate::commit::{commit, wgpu_version};
use crate::model_args::DType;
use crate::output::{Output, print_document};
use crate::progress::Progress;
use alternate::{Alternation, Pair};
use device::Device;
use kernels::Kernel;
use model::{Model, ModelOrigin};
use reference::Baseline;
use report::{Host, Report, SCHEMA_VERSION};
use shapes::Shape;
use summary::Repeats;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Measure the most telling things only, in less than a minute.
    #[arg(long)]
    quick: bool,
    /// End after so long, such as 60s or 5m: what would take longer is left out, and named. The device comes first, which
    /// takes some seconds whatever there is; of the rest kernels have two thirds, then whole models
    /// [default: 60s, with --quick 50s].
    #[arg(long, value_name = "TIME", value_parser = budget)]
    time_budget: Option<Duration>,
    /// The encoders whose sizes are measured, or attention by itself; may be given several times [default: all; with --quick,
    /// and of whole models, minilm-l6].
    #[arg(long = "shape", value_enum, value_name = "SHAPE")]
    shapes: Vec<Shape>,
    /// Measure these kernels alone, or kernels with tiles, such as linear_tile or "linear_tile 64x64".
    #[arg(long = "kernel", value_name = "KERNEL", conflicts_with_all = ["model", "dtypes", "against", "variant"])]
    kernels: Vec<String>,
    /// The model that is measured as a whole: a folder, or a name in models/ or in the Hugging Face cache [default: random
    /// weights of each --shape].
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,
    /// How the weight matrices of whole models are stored; may be given several times [default: all].
    #[arg(long = "dtype", value_enum, value_name = "DTYPE")]
    dtypes: Vec<DType>,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// Measure what another adapter runs by itself in turns with what this one does, alone and within whole models, and
    /// nothing else but the device: part of its name, or its number in `doctor`.
    #[arg(long, value_name = "SUBSTRING|INDEX", conflicts_with = "variant")]
    against: Option<String>,
    /// Measure two kernels, or kernels with tiles, in turns, alone and within whole models, and nothing else but the device;
    /// such as matmul=linear_small,linear_tile.
    #[arg(long, value_name = "OPERATION=A,B")]
    variant: Option<Pair>,
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Write a page of plots and tables too, which needs nothing else to be read.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Measure nothing: show what `bench --json` printed before, as tables or with --report as a page.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "time_budget", "shapes", "kernels", "adapter", "model", "dtypes", "against", "variant"])]
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

/// Texts, and the tokens of each, the fastest first.
const TEXTS: [[usize; 2]; 9] = [
    [1, 16],
    [1, 128],
    [8, 16],
    [1, 512],
    [32, 16],
    [8, 128],
    [32, 128],
    [8, 512],
    [32, 512],
];
const QUICK_TEXTS: [[usize; 2]; 3] = [[1, 16], [1, 128], [8, 128]];

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
        table::print(&report)
    }
}

/// The longest time that a run may be given.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn budget(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time <= LONGEST => Ok(time),
        Ok(_) => Err("must be a day at most".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What was measured beside the device.
#[derive(Default)]
struct Measured {
    kernels: Vec<Kernel>,
    models: Vec<Model>,
    alternation: Option<Alternation>,
    left_out: Vec<String>,
    wrong: Vec<String>,
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
        let until = start + self.budget();
        let (kernels, models) = (self.kernels()?, self.models()?);
        let other = self.other()?;
        // What is wrong with the command line is said before anything is measured.
        kernels.check(gpu)?;
        let mut progress = Progress::of_time(self.budget());
        let repeats = self.repeats();
        let device = Device::measure(gpu, repeats)?;
        let mut told = || progress.pass();
        told();
        let baseline = Baseline::new(gpu)?;
        let reference = baseline.measure(repeats)?;
        told();

        let measured = if let Some(other) = &other {
            let gpus = [gpu, other];
            let turns = alternate::adapters(gpus, &kernels, &models, until, &mut told)?;
            Measured::of_turns(turns)
        } else if let Some(pair) = &self.variant {
            let turns = alternate::variants(gpu, pair, &kernels, &models, until, &mut told)?;
            Measured::of_turns(turns)
        } else {
            let open = || Ok(self.adapter.open_cold()?);
            let of_kernels = match models.len() {
                0 => pace::left(until),
                _ => pace::left(until) * 2 / 3,
            };
            let of_kernels = Instant::now() + of_kernels;
            let own = kernels.measure(open, &device, &baseline, of_kernels, &mut told)?;
            let (models, left_out) = models.measure(&self.adapter, until, &mut told)?;
            Measured {
                kernels: own.kernels,
                models,
                alternation: None,
                left_out: [own.left_out, left_out].concat(),
                wrong: own.wrong,
            }
        };
        drop(progress);
        Ok(Report {
            schema_version: SCHEMA_VERSION,
            wgformer: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit().map(str::to_owned),
            wgpu: wgpu_version().to_owned(),
            adapter: Adapter::of(gpu.capabilities()),
            host: Host::here(),
            seed: SEED,
            seconds: start.elapsed().as_secs_f64(),
            device,
            reference,
            kernels: measured.kernels,
            models: measured.models,
            alternation: measured.alternation,
            left_out: measured.left_out,
            wrong: measured.wrong,
        })
    }

    /// The adapter of `--against`.
    fn other(&self) -> Result<Option<Gpu>> {
        let Some(adapter) = self.against.clone() else {
            return Ok(None);
        };
        let adapter = Some(adapter);
        Ok(Some(AdapterArgs { adapter }.open()?))
    }

    fn kernels(&self) -> Result<kernels::Plan> {
        let shapes = match (&self.shapes[..], self.quick) {
            ([], true) => vec![Shape::MiniLmL6],
            ([], false) => Shape::value_variants().to_vec(),
            (shapes, _) => shapes.to_vec(),
        };
        let subjects = shapes.into_iter().map(subject::all);
        let tokens = if self.quick {
            &QUICK_TOKENS[..]
        } else {
            &TOKENS[..]
        };
        Ok(kernels::Plan {
            subjects: subjects
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect(),
            tokens: tokens.to_vec(),
            longest: Duration::from_millis(if self.quick { 30 } else { 300 }),
            only: match &self.variant {
                Some(pair) => pair.variants.to_vec(),
                None => self.kernels.clone(),
            },
            own: self.quick,
        })
    }

    /// None beside kernels that were asked for alone.
    fn models(&self) -> Result<model::Plan> {
        let shapes = match &self.shapes[..] {
            [] => &[Shape::MiniLmL6],
            shapes => shapes,
        };
        let subjects = match self.kernels.is_empty() {
            true => ModelOrigin::all(self.model.as_deref(), shapes)?,
            false => vec![],
        };
        let dtypes = match &self.dtypes[..] {
            [] => DType::value_variants().to_vec(),
            dtypes => dtypes.to_vec(),
        };
        let sizes = if self.quick {
            &QUICK_TEXTS[..]
        } else {
            &TEXTS[..]
        };
        Ok(model::Plan {
            subjects,
            dtypes,
            sizes: sizes.to_vec(),
            repeats: Repeats {
                budget: Duration::from_millis(if self.quick { 500 } else { 1000 }),
                least: 5,
                most: 100,
            },
        })
    }

    /// Of the whole run.
    fn budget(&self) -> Duration {
        let default = Duration::from_secs(if self.quick { 50 } else { 60 });
        self.time_budget.unwrap_or(default)
    }

    /// Of one thing about the device, of which there are some twenty-five: a part of the whole, as long as it is enough.
    fn repeats(&self) -> Repeats {
        let most = Duration::from_millis(if self.quick { 100 } else { 500 });
        Repeats {
            budget: most.min(self.budget() / 200),
            least: 5,
            most: 50,
        }
    }
}

impl Measured {
    fn of_turns((alternation, left_out): (Alternation, Vec<String>)) -> Self {
        Self {
            alternation: Some(alternation),
            left_out,
            ..Self::default()
        }
    }
}
