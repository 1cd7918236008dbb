//! What `bench` found, for programs: the document of `--json`.

use serde::{Deserialize, Serialize};

use super::alternate::Alternation;
use super::device::Device;
use super::kernels::Kernel;
use super::model::Model;
use super::reference::Reference;

/// Raised when a field's meaning changes, or a field goes.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Seconds, bytes and operations a second, where a name says no other unit.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) wgformer: String,
    /// Of the source, where it was built from a repository.
    pub(crate) commit: Option<String>,
    pub(crate) wgpu: String,
    /// As `doctor --json` has it.
    pub(crate) adapter: serde_json::Value,
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
    /// Kernels on sizes, and sizes of models, for which there was no time.
    pub(crate) left: usize,
    /// Kernels that compute wrongly here, which were not timed.
    pub(crate) wrong: Vec<String>,
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

impl Kernel {
    /// What is the same of it in every run on one adapter.
    pub(crate) fn key(&self) -> String {
        format!(
            "{}: {} on {}, {}",
            self.shape, self.size, self.kernel, self.variant
        )
    }
}
