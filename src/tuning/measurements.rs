//! What was measured on one adapter, in memory and in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gpu::Capabilities;
use crate::graph::{Node, Request};
use crate::kernel::Offer;
use crate::ops::KERNELS;
use crate::whole_file;

/// The variants that were fastest on one adapter, for the nodes that were measured; a file of JSON.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("tuned.json");
/// # let gpu = wgformer::Gpu::new()?;
/// use wgformer::tuning::{Measurements, Selection};
///
/// let measurements = Measurements::new(gpu.capabilities()); // `verify::tune` fills it
/// measurements.write(&path)?;
///
/// let mut selection = Selection::default();
/// if let Some(read) = Measurements::read(&path, gpu.capabilities())? {
///     selection = selection.measured(read);
/// }
/// # assert_eq!(selection, Selection::default().measured(measurements));
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    key: Key,
    /// By class of node.
    nodes: BTreeMap<String, Fastest>,
}

/// What was fastest for a class of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fastest {
    /// A hash of the kernels and constants that there were to choose from.
    of: String,
    bounds: Vec<Bound>,
}

/// One variant, and the most rows that it is for.
///
/// See [`Measurements::nodes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bound {
    /// None for any number.
    pub most_rows: Option<usize>,
    /// As a plan prints it.
    pub variant: String,
}

/// What a measurement depends on: of another adapter, driver or version of the kernels it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    adapter: String,
    backend: String,
    driver: String,
    wgpu: String,
    wgformer: String,
    /// Of their text.
    kernels: String,
}

/// The version of wgpu that this crate is made for.
///
/// ```
/// println!("wgpu {}", wgformer::tuning::WGPU);
/// ```
pub const WGPU: &str = "30.0";

impl Key {
    fn of(capabilities: &Capabilities) -> Self {
        let info = &capabilities.info;
        Self {
            adapter: info.name.clone(),
            backend: format!("{:?}", info.backend),
            driver: format!("{} {}", info.driver, info.driver_info),
            wgpu: WGPU.to_owned(),
            wgformer: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: hash(KERNELS.iter().flat_map(|kernel| kernel.wgsl.bytes())),
        }
    }
}

/// FNV-1a (Fowler, Noll and Vo), which stays the same from one version of Rust to the next.
fn hash(bytes: impl Iterator<Item = u8>) -> String {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Of their kernels and constants, which choose tiles.
fn hash_of(offers: &[Offer]) -> String {
    hash(format!("{offers:?}").bytes())
}

impl Measurements {
    /// Of this adapter, of nothing yet.
    #[must_use]
    pub fn new(capabilities: &Capabilities) -> Self {
        Self {
            key: Key::of(capabilities),
            nodes: BTreeMap::new(),
        }
    }

    /// What a file holds; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`]; [`Error::Outdated`] if it is of another adapter, driver or version.
    pub fn read(path: &Path, capabilities: &Capabilities) -> Result<Option<Self>> {
        let path = path.to_owned();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { path, source }),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Err(error) => Err(Error::Malformed {
                path,
                message: error.to_string(),
            }),
            Ok(read) if read.key != Key::of(capabilities) => Err(Error::Outdated { path }),
            Ok(read) => Ok(Some(read)),
        }
    }

    /// Writes the file, whole or not at all, and the folders above it.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        let json = serde_json::to_vec_pretty(self).expect("strings and numbers");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        whole_file::write(path, |mut file| file.write_all(&json)).map_err(failed)
    }

    /// The classes of nodes that were measured, and what was fastest.
    ///
    /// ```
    /// # let gpu = wgformer::Gpu::new()?;
    /// # let measurements = wgformer::tuning::Measurements::new(gpu.capabilities());
    /// use wgformer::tuning::Bound;
    ///
    /// let sentence = |Bound { variant, most_rows, .. }: &Bound| match most_rows {
    ///     Some(rows) => format!("{variant} for up to {rows} rows"),
    ///     None => format!("{variant} for any more"),
    /// };
    /// for (class, bounds) in measurements.nodes() {
    ///     println!("{class}: {:?}", bounds.iter().map(sentence).collect::<Vec<_>>());
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&str, &[Bound])> {
        self.nodes
            .iter()
            .map(|(class, fastest)| (&class[..], &fastest.bounds[..]))
    }

    /// Adds to it, or replaces, what was measured elsewhere.
    ///
    /// ```
    /// # let gpu = wgformer::Gpu::new()?;
    /// # let [mut measurements, newer] = [(); 2].map(|()| wgformer::tuning::Measurements::new(gpu.capabilities()));
    /// measurements.extend(newer); // of both kept what `newer` has
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    pub fn extend(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
    }

    #[cfg(not(target_arch = "wasm32"))] // as `verify::tune`
    pub(crate) fn insert(&mut self, class: String, offers: &[Offer], bounds: Vec<Bound>) {
        let of = hash_of(offers);
        self.nodes.insert(class, Fastest { of, bounds });
    }

    /// What was measured for a class, chosen from these offers; `None` if nothing was.
    ///
    /// # Errors
    /// [`Outdated`] if it was chosen from others.
    pub(super) fn choose(&self, class: &str, offers: &[Offer]) -> Option<Result<Offer, Outdated>> {
        let Fastest { of, bounds } = self.nodes.get(class)?;
        let bounds = bounds
            .iter()
            .map(|bound| (bound.most_rows, &bound.variant[..]));
        let bounds: Vec<(Option<usize>, &str)> = bounds.collect();
        let known = (*of == hash_of(offers)).then_some(offers);
        let chosen = known
            .unwrap_or_default()
            .iter()
            .find_map(|offer| offer.rearranged(&bounds));
        Some(chosen.ok_or(Outdated))
    }
}

/// What was measured was chosen from other offers than there are.
pub(super) struct Outdated;

/// What has to agree for a measurement of one node to say something of another: operation, shapes and weights' type.
pub(crate) fn class(node: &Node, request: &Request<'_>) -> String {
    let shapes = request
        .operands
        .iter()
        .map(|operand| operand.shape.to_string());
    let shapes: Vec<String> = shapes.collect();
    let (name, weights) = (node.operation.name(), request.weight_type);
    format!("{name}, {weights} weights: {}", shapes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::WGPU;

    #[test]
    fn the_version_of_wgpu_is_the_manifests() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("\nwgpu = \"{WGPU}\"\n")));
    }
}
