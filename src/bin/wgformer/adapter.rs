//! An adapter: how it is named on the command line, and what is said of it.

use std::fmt;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::gpu::{AdapterChoice, Capabilities};

use crate::quiet::quietly;

#[derive(Args)]
pub(crate) struct AdapterArgs {
    /// Part of an adapter's name, or its number in `doctor`.
    #[arg(long, value_name = "SUBSTRING|INDEX", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) adapter: Option<String>,
}

impl AdapterArgs {
    /// A number is a place in the list, anything else a part of a name.
    pub(crate) fn choice(&self) -> AdapterChoice {
        match self.adapter.as_deref() {
            None => AdapterChoice::from_env(),
            Some(adapter) => match adapter.parse() {
                Ok(index) => AdapterChoice::Index(index),
                Err(_) => AdapterChoice::Named(adapter.to_owned()),
            },
        }
    }

    pub(crate) fn open(&self) -> wgformer::Result<Gpu> {
        let gpu = self.open_cold()?;
        Ok(match dirs::cache_dir() {
            Some(folder) => gpu.pipelines_kept_in(folder.join("wgformer").join("pipelines")),
            None => gpu,
        })
    }

    /// Without the pipelines that earlier processes compiled.
    pub(crate) fn open_cold(&self) -> wgformer::Result<Gpu> {
        quietly(|| Gpu::open(&self.choice()))
    }
}

/// For programs to read; sizes in bytes.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Adapter {
    pub(crate) name: String,
    pub(crate) backend: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) driver: String,
    pub(crate) driver_info: String,
    pub(crate) subgroup_sizes: [u32; 2],
    pub(crate) features: Vec<String>,
    /// Sizes of square cooperative matrices that kernels can use.
    pub(crate) cooperative_matrices: Vec<u32>,
    pub(crate) limits: Limits,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Limits {
    pub(crate) max_buffer_size: u64,
    pub(crate) max_storage_buffer_binding_size: u64,
    pub(crate) max_storage_buffers_per_shader_stage: u32,
    pub(crate) max_compute_workgroup_storage_size: u32,
    pub(crate) max_compute_invocations_per_workgroup: u32,
    pub(crate) max_compute_workgroups_per_dimension: u32,
}

impl Adapter {
    pub(crate) fn of(adapter: &Capabilities) -> Self {
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
        let there = optional
            .iter()
            .filter(|(_, feature)| adapter.features.contains(*feature));
        Self {
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            kind: format!("{:?}", info.device_type),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
            features: there.map(|(name, _)| (*name).to_owned()).collect(),
            cooperative_matrices: adapter.cooperative_matrices.clone(),
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
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.backend, self.kind)?;
        if !self.driver.is_empty() {
            write!(f, ", {} {}", self.driver, self.driver_info)?;
        }
        Ok(())
    }
}
