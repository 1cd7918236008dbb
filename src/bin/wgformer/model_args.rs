//! The options of commands that run a model, and what other commands share of them.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use wgformer::kernel::Variant;
use wgformer::models::ModelOptions;
use wgformer::plan::Plan;
use wgformer::profile::Profile;
use wgformer::tasks::EmbedderOptions;
use wgformer::tensor::WeightType;
use wgformer::{Embedder, Gpu};

use crate::adapter::AdapterArgs;
use crate::locate::locate;
use crate::tuned::{self, NamedVariant};

pub(crate) const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

#[derive(Args)]
pub(crate) struct ModelArgs {
    /// A folder, or a name in models/ or in the Hugging Face cache.
    #[arg(long, value_name = "NAME|DIR", default_value = DEFAULT_MODEL)]
    pub(crate) model: String,
    #[command(flatten)]
    engine: EngineArgs,
}

/// The model of a task that not every one is trained for.
#[derive(Args)]
pub(crate) struct TaskModelArgs {
    /// A folder, or a name in models/ or in the Hugging Face cache.
    #[arg(long, value_name = "NAME|DIR")]
    model: String,
    #[command(flatten)]
    engine: EngineArgs,
}

/// How a model runs.
#[derive(Args)]
struct EngineArgs {
    /// How weight matrices are stored on the GPU.
    #[arg(long, value_enum, default_value_t = DType::F32)]
    dtype: DType,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// For experiments: the kernel, or its tile, that runs an operation, such as matmul=linear_small or
    /// "matmul=linear_tile 64x64"; may be given several times.
    #[arg(long = "variant", value_name = "OPERATION=VARIANT")]
    variants: Vec<NamedVariant>,
    /// The most tokens in one GPU batch; a longer text goes alone [default: by the adapter].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch_tokens: Option<u32>,
}

/// `--dtype`
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DType {
    F32,
    F16,
    Int8,
}

impl From<DType> for WeightType {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::F32,
            DType::F16 => Self::F16,
            DType::Int8 => Self::I8,
        }
    }
}

/// A value as it is typed.
pub(crate) fn value_name(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

impl ModelArgs {
    /// As it was named.
    pub(crate) fn name(&self) -> &str {
        &self.model
    }

    /// The model's folder.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        locate(&self.model)
    }

    /// Of its options those that may change a result, by name, as they were given.
    pub(crate) fn decisive(&self) -> [(&'static str, Option<String>); 2] {
        let variants: Vec<&str> = self
            .engine
            .variants
            .iter()
            .map(|it| &it.variant[..])
            .collect();
        let variants = Some(variants.join(" and ")).filter(|variants| !variants.is_empty());
        [
            ("--dtype", Some(value_name(&self.engine.dtype))),
            ("--variant", variants),
        ]
    }

    /// A task's model on its adapter: `load` makes it, and `plans` tells what of it runs.
    pub(crate) fn load_task<T>(
        &self,
        profile: Option<&Profile>,
        load: impl FnOnce(&Gpu, &Path, &ModelOptions) -> wgformer::Result<T>,
        plans: impl FnOnce(&T) -> Vec<&Plan>,
    ) -> Result<T> {
        self.engine.load_task(&self.model, profile, load, plans)
    }

    /// The model on its adapter, with options of what it makes of texts.
    pub(crate) fn load(
        &self,
        profile: Option<&Profile>,
        options: EmbedderOptions,
    ) -> Result<Embedder> {
        let directory = self.directory()?;
        let (gpu, model) = self.engine.open(profile)?;
        let options = options.model(model);
        let embedder = Embedder::load_with(&gpu, directory, &options)?;
        self.engine
            .check_variants(&gpu, &[embedder.model().plan()])?;
        Ok(embedder)
    }
}

impl TaskModelArgs {
    /// As it was named.
    pub(crate) fn name(&self) -> &str {
        &self.model
    }

    /// A task's model on its adapter: `load` makes it, and `plans` tells what of it runs.
    pub(crate) fn load<T>(
        &self,
        load: impl FnOnce(&Gpu, &Path, &ModelOptions) -> wgformer::Result<T>,
        plans: impl FnOnce(&T) -> Vec<&Plan>,
    ) -> Result<T> {
        self.engine.load_task(&self.model, None, load, plans)
    }
}

impl EngineArgs {
    fn load_task<T>(
        &self,
        model: &str,
        profile: Option<&Profile>,
        load: impl FnOnce(&Gpu, &Path, &ModelOptions) -> wgformer::Result<T>,
        plans: impl FnOnce(&T) -> Vec<&Plan>,
    ) -> Result<T> {
        let directory = locate(model)?;
        let (gpu, options) = self.open(profile)?;
        let task = load(&gpu, &directory, &options)?;
        self.check_variants(&gpu, &plans(&task))?;
        Ok(task)
    }

    /// The adapter, whose work is collected in the profile if there is one.
    fn open(&self, profile: Option<&Profile>) -> Result<(Gpu, ModelOptions)> {
        let gpu = self.adapter.open()?;
        let gpu = profile.map(|it| gpu.profiled(it)).unwrap_or(gpu);
        let measurements = tuned::measurements(gpu.capabilities());
        let mut model = ModelOptions::default()
            .weight_type(self.dtype.into())
            .selection(tuned::selection(&self.variants, measurements));
        if let Some(tokens) = self.batch_tokens {
            model = model.batch_tokens(tokens as usize);
        }
        Ok((gpu, model))
    }

    /// A variant that no step runs is a mistake.
    fn check_variants(&self, gpu: &Gpu, plans: &[&Plan]) -> Result<()> {
        let plans = plans.iter().copied();
        let variants = || {
            plans
                .clone()
                .flat_map(|plan| plan.variants(plan.capacity()))
        };
        for NamedVariant { variant } in &self.variants {
            if !variants().any(|it| it.is_called(variant)) {
                let mut used: Vec<String> = variants().map(Variant::to_string).collect();
                used.sort();
                used.dedup();
                let adapter = gpu.capabilities();
                return Err(anyhow!(
                    "no step of this model can run {variant} on {adapter}; without it they run {}",
                    used.join(", ")
                ));
            }
        }
        Ok(())
    }
}
