//! What `bench` found, for programs: the document of `--json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::alternate::Alternation;
use super::device::Device;
use super::kernels::Kernel;
use super::model::Model;
use super::reference::Reference;
use super::samples::is_product;
use super::summary::Summary;
use crate::adapter::Adapter;
use crate::numbers::percent;

/// Raised when a field's meaning changes, or a field goes.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// Seconds, bytes and operations a second, where a name says no other unit.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) wgformer: String,
    /// Of the source, where it was built from a repository.
    pub(crate) commit: Option<String>,
    pub(crate) wgpu: String,
    /// As `doctor --json` has it.
    pub(crate) adapter: Adapter,
    pub(crate) host: Host,
    pub(crate) seed: u64,
    /// How long it took altogether.
    pub(crate) seconds: f64,
    pub(crate) device: Device,
    pub(crate) reference: Reference,
    pub(crate) kernels: Vec<Kernel>,
    /// Whole encoders, from token ids to a vector per text.
    pub(crate) models: Vec<Model>,
    /// Two adapters or two kernels in turns, in place of kernels and models.
    pub(crate) alternation: Option<Alternation>,
    /// Sizes of kernels and of models for which there was no time, a line for each shape and model.
    pub(crate) left_out: Vec<String>,
    /// Kernels that compute wrongly here, which were not timed.
    pub(crate) wrong: Vec<String>,
}

impl Report {
    /// What `bench --json` printed.
    ///
    /// # Errors
    /// If it cannot be read, or is something else, or of another version.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let json = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let version: serde_json::Value =
            serde_json::from_str(&json).with_context(|| format!("{name} is no JSON document"))?;
        match version["schema_version"].as_u64() {
            Some(version) if version == u64::from(SCHEMA_VERSION) => {}
            Some(version) => {
                return Err(anyhow!(
                    "{name} has schema version {version}, and this wgformer reads {SCHEMA_VERSION}: measure again"
                ));
            }
            None => return Err(anyhow!("{name} was not printed by `wgformer bench --json`")),
        }
        serde_json::from_str(&json)
            .with_context(|| format!("{name} was not printed by `wgformer bench --json`"))
    }
}

/// The machine around the device.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Host {
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) cores: usize,
}

impl Host {
    pub(crate) fn here() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Report {
    /// Whose clock it was, and what was unsteady: what a reader of the numbers should know.
    pub(crate) fn notes(&self) -> Vec<String> {
        let clock = match &self.device.clock[..] {
            "device" => "timed by the device's own timestamps",
            _ => "timed by the host's clock, since the adapter has no timestamps that work",
        };
        let kernels = self.kernels.iter().map(|it| (it.key(), it.time));
        let runs = self.models.iter().flat_map(Model::times);
        let turns = self.alternation.iter().flat_map(Alternation::times);
        let all: Vec<(String, Summary)> = kernels.chain(runs).chain(turns).collect();
        let samples: usize = all.iter().map(|(_, time)| time.samples).sum();
        let outliers: usize = all.iter().map(|(_, time)| time.outliers).sum();
        let drifted = all.iter().filter(|(_, time)| time.drift.abs() > DRIFT);
        let drifted: Vec<&(String, Summary)> = drifted.collect();
        let mut notes = vec![format!(
            "{clock}; {outliers} outliers among {samples} samples"
        )];
        if let Some((what, time)) = drifted
            .iter()
            .max_by(|(_, a), (_, b)| a.drift.abs().total_cmp(&b.drift.abs()))
        {
            notes.push(format!(
                "{} of {} drifted by more than {} between the first half of their samples and the second, the most: {what}, \
                 by {}: the device grows hot, or the machine has other work",
                drifted.len(),
                all.len(),
                percent(DRIFT),
                percent(time.drift)
            ));
        }
        let beyond = self.kernels.iter().filter(|it| it.of_roof > 1.0).count();
        if beyond > 0 {
            notes.push(format!(
                "{beyond} are beyond their roof, which is by what memory brings of the largest buffers: what they read stays \
                 in a cache"
            ));
        }
        notes
    }
}

/// Between the halves of its samples: beyond this a reader is told.
const DRIFT: f64 = 0.1;

impl Kernel {
    /// Whether it is what the others of its operation are compared with, unless they are products.
    pub(crate) fn is_plain(&self) -> bool {
        self.kernel == self.operation && !is_product(&self.operation)
    }

    /// What is the same of it in every run on one adapter.
    pub(crate) fn key(&self) -> String {
        format!(
            "{}: {} on {}, {}",
            self.shape, self.size, self.kernel, self.variant
        )
    }
}
