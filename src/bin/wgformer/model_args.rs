//! The options of commands that run a model, and what other commands share of them.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use wgformer::kernel::Variant;
use wgformer::models::{Model, ModelOptions};
use wgformer::ops::Pooling;
use wgformer::plan::Plan;
use wgformer::tasks::EmbedderOptions;
use wgformer::tensor::WeightType;
use wgformer::{Embedder, Gpu};

use crate::adapter::AdapterArgs;
use crate::locate::locate;
use crate::tuned::{self, Named};

pub(crate) const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2";

#[derive(Args)]
pub(crate) struct ModelArgs {
    /// A folder, or a name in models/ or in the Hugging Face cache.
    #[arg(long, value_name = "NAME|DIR", default_value = DEFAULT_MODEL)]
    pub(crate) model: String,
    /// How weight matrices are stored on the GPU.
    #[arg(long, value_enum, default_value_t = DType::F32)]
    dtype: DType,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// For experiments: the kernel, or its tile, that runs an operation, such as matmul=linear_small or
    /// "matmul=linear_tile 64x64"; may be given several times.
    #[arg(long = "variant", value_name = "OPERATION=VARIANT")]
    variants: Vec<Named>,
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

/// `--pooling`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PoolingChoice {
    Mean,
    Max,
    Cls,
    Last,
    MeanSqrtLen,
    WeightedMean,
    /// One vector per token.
    None,
}

impl ModelArgs {
    /// The model's folder.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        locate(&self.model)
    }

    /// Of its options those that may change a result, by name, as they were given.
    pub(crate) fn decisive(&self) -> [(&'static str, Option<String>); 2] {
        let variants: Vec<&str> = self.variants.iter().map(|it| &it.variant[..]).collect();
        let variants = Some(variants.join(" and ")).filter(|variants| !variants.is_empty());
        [
            ("--dtype", Some(value_name(&self.dtype))),
            ("--variant", variants),
        ]
    }

    /// The model on its adapter; without a pooling, the model's own.
    pub(crate) fn load(
        &self,
        pooling: Option<PoolingChoice>,
        no_normalize: bool,
    ) -> Result<Embedder> {
        let load = |gpu: &Gpu, directory: PathBuf, model: &ModelOptions| {
            let mut options = EmbedderOptions::default().model(model.clone());
            options = match pooling {
                None => options,
                Some(PoolingChoice::None) => options.per_token(true),
                Some(PoolingChoice::Mean) => options.pooling(Pooling::Mean),
                Some(PoolingChoice::Max) => options.pooling(Pooling::Max),
                Some(PoolingChoice::Cls) => options.pooling(Pooling::Cls),
                Some(PoolingChoice::Last) => options.pooling(Pooling::Last),
                Some(PoolingChoice::MeanSqrtLen) => options.pooling(Pooling::MeanSqrtLen),
                Some(PoolingChoice::WeightedMean) => options.pooling(Pooling::WeightedMean),
            };
            if no_normalize {
                options = options.normalize(false);
            }
            Embedder::load_with(gpu, directory, &options)
        };
        self.load_for(load, Embedder::model)
    }

    /// The model on its adapter, for a task that `load` makes of it.
    pub(crate) fn load_for<T>(
        &self,
        load: impl FnOnce(&Gpu, PathBuf, &ModelOptions) -> wgformer::Result<T>,
        model: impl FnOnce(&T) -> &Model,
    ) -> Result<T> {
        let directory = self.directory()?;
        let gpu = self.adapter.open()?;
        let mut options = ModelOptions::default()
            .weight_type(self.dtype.into())
            .selection(tuned::selection(&self.variants, gpu.capabilities()));
        if let Some(tokens) = self.batch_tokens {
            options = options.batch_tokens(tokens as usize);
        }
        let task = load(&gpu, directory, &options)?;
        self.check_variants(model(&task).plan())?;
        Ok(task)
    }

    /// A variant that no step runs is a mistake.
    fn check_variants(&self, plan: &Plan) -> Result<()> {
        let variants = || plan.variants(plan.capacity());
        for Named { variant } in &self.variants {
            if !variants().any(|it| it.is_called(variant)) {
                let mut used: Vec<String> = variants().map(Variant::to_string).collect();
                used.sort();
                used.dedup();
                let adapter = plan.gpu().capabilities();
                return Err(anyhow!(
                    "no step of this model can run {variant} on {adapter}; without it they run {}",
                    used.join(", ")
                ));
            }
        }
        Ok(())
    }
}
