//! Where `tune` keeps what it measured, a file per adapter in the user's cache folder.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use wgformer::gpu::Capabilities;
use wgformer::ops::KERNELS;
use wgformer::tuning::{Measurements, Selection};

/// The file of an adapter.
pub(crate) fn file(capabilities: &Capabilities) -> Result<PathBuf> {
    let folder =
        dirs::cache_dir().ok_or_else(|| anyhow!("there is no home folder to keep a file in"))?;
    let (name, backend) = (&capabilities.info.name, capabilities.info.backend);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = format!("{name} {backend:?}").chars().map(plain).collect();
    Ok(folder
        .join("wgformer")
        .join("tuned")
        .join(format!("{name}.json")))
}

/// What was measured on this adapter, if anything.
///
/// # Errors
/// As [`Measurements::read`], where there is a file that says nothing of this adapter.
pub(crate) fn read(capabilities: &Capabilities) -> wgformer::Result<Option<Measurements>> {
    match file(capabilities) {
        Ok(file) => Measurements::read(&file, capabilities),
        Err(_) => Ok(None), // no home folder
    }
}

/// The same where a file that says nothing of this adapter is as good as none, but for a line in the log.
pub(crate) fn measurements(capabilities: &Capabilities) -> Option<Measurements> {
    read(capabilities).unwrap_or_else(|error| {
        log::warn!("ignored: {error}");
        None
    })
}

/// What the user names, else what was measured, else the built-in choice.
pub(crate) fn selection(named: &[NamedVariant], measurements: Option<Measurements>) -> Selection {
    let selection = Selection::default().named(named.iter().map(|named| &named.variant));
    match measurements {
        Some(measurements) => selection.measured(measurements),
        None => selection,
    }
}

/// `--variant OPERATION=VARIANT`
#[derive(Clone, Debug)]
pub(crate) struct NamedVariant {
    pub(crate) variant: String,
}

/// A matrix product goes by the field's name for it; its kernels are those of linear layers.
const MATMUL: (&str, &str) = ("matmul", "linear");

/// `layer_norm` and `layer_norm_vec4`, but not what only begins with the same letters.
fn is_of(kernel: &str, operation: &str) -> bool {
    let rest = kernel.strip_prefix(operation);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// What has kernels, by the name of its simplest.
fn operations() -> Vec<&'static str> {
    let names = || KERNELS.iter().map(|kernel| kernel.name);
    let is_simplest = |name: &&str| !names().any(|other| other != *name && is_of(name, other));
    let simplest = names().filter(is_simplest);
    let named = simplest.map(|name| if name == MATMUL.1 { MATMUL.0 } else { name });
    named.collect()
}

impl std::str::FromStr for NamedVariant {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        let (operation, variant) = argument
            .split_once('=')
            .ok_or("it is no OPERATION=VARIANT, such as matmul=linear_tile")?;
        let prefix = if operation == MATMUL.0 {
            MATMUL.1
        } else {
            operation
        };
        let kernels: Vec<&str> = KERNELS
            .iter()
            .map(|kernel| kernel.name)
            .filter(|name| is_of(name, prefix))
            .collect();
        let kernel = variant.split(' ').next().unwrap_or_default();
        if kernels.contains(&kernel) {
            let variant = variant.to_owned();
            return Ok(Self { variant });
        }
        Err(if kernels.is_empty() {
            let operations = operations().join(", ");
            format!("no operation {operation:?} is known; there is {operations}")
        } else {
            format!(
                "{operation} has no kernel {kernel:?}; it has {}",
                kernels.join(", ")
            )
        })
    }
}
