use std::cmp::Reverse;

use super::Capabilities;
use crate::error::{Error, Result};

/// Which adapter to take.
///
/// ```
/// use wgformer::gpu::{AdapterChoice, Gpu};
///
/// let first = &Gpu::adapters()[0];
/// let gpu = Gpu::open(&AdapterChoice::Named(first.info.name.to_uppercase()))?;
/// assert_eq!(gpu.capabilities().info.name, first.info.name);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdapterChoice {
    /// A discrete GPU before an integrated one before software, of which what has the widest vectors; GL only when
    /// nothing else is there.
    #[default]
    Best,
    /// The best one whose name contains this, in whatever case.
    Named(String),
    /// The one at this place in the list that [`Gpu::adapters`](super::Gpu::adapters) gives, counted from 0.
    Index(usize),
}

impl AdapterChoice {
    /// The choice that `WGPU_ADAPTER_NAME` makes; [`AdapterChoice::Best`] where it is not set.
    ///
    /// This, and beside it what wgpu's own helpers read (`WGPU_BACKEND` and the options of its back ends), is all that
    /// the library itself reads of the environment.
    ///
    /// See [`Gpu::open_async`](super::Gpu::open_async) for an example.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var("WGPU_ADAPTER_NAME") {
            Ok(name) if !name.is_empty() => Self::Named(name),
            _ => Self::Best,
        }
    }
}

/// Every adapter of the back ends that `WGPU_BACKEND` allows, best first.
pub(super) async fn all() -> Vec<Capabilities> {
    let mut all = enumerate(modern_backends()).await;
    all.extend(enumerate(gl_backend()).await);
    all.iter().map(Capabilities::of_adapter).collect()
}

/// The adapter that `choice` means.
///
/// # Errors
/// [`Error::NoAdapter`] if there is none at all, [`Error::AdapterNotFound`] if none matches.
pub(super) async fn choose(choice: &AdapterChoice) -> Result<wgpu::Adapter> {
    let mut seen = Vec::new();
    // GL is asked last, and only if the others have nothing: starting it is slow, and it may print.
    for backends in [modern_backends(), gl_backend()] {
        let first = seen.len();
        seen.extend(enumerate(backends).await);
        let found = match choice {
            AdapterChoice::Best => (first < seen.len()).then_some(first),
            AdapterChoice::Named(name) => {
                (first..seen.len()).find(|index| matches(&seen[*index], name))
            }
            AdapterChoice::Index(index) => (*index < seen.len()).then_some(*index),
        };
        if let Some(index) = found {
            return Ok(seen.swap_remove(index));
        }
    }
    Err(not_found(choice, &seen))
}

fn not_found(choice: &AdapterChoice, seen: &[wgpu::Adapter]) -> Error {
    let wanted = match choice {
        AdapterChoice::Named(name) if !seen.is_empty() => name.clone(),
        AdapterChoice::Index(index) if !seen.is_empty() => index.to_string(),
        _ => return none_at_all(),
    };
    let names = seen
        .iter()
        .enumerate()
        .map(|(index, adapter)| format!("{index}: {}", Capabilities::of_adapter(adapter)));
    Error::AdapterNotFound {
        wanted,
        available: names.collect::<Vec<_>>().join("; "),
    }
}

fn none_at_all() -> Error {
    let names = names_of(allowed_backends());
    if names.is_empty() {
        return Error::NoAdapter {
            tried: format!(
                "WGPU_BACKEND names no back end that this build has, which are {}",
                names_of(wgpu::Instance::enabled_backend_features())
            ),
            advice: "unset it, or set it to one of these",
        };
    }
    Error::NoAdapter {
        tried: format!("back ends tried: {names}"),
        advice: "install your GPU's driver, or a software one: on Debian and Ubuntu \
                 `apt-get install libvulkan1 mesa-vulkan-drivers`",
    }
}

fn names_of(backends: wgpu::Backends) -> String {
    let names = backends.iter_names();
    let names = names.map(|(name, _)| name.to_lowercase());
    names.collect::<Vec<_>>().join(", ")
}

fn matches(adapter: &wgpu::Adapter, name: &str) -> bool {
    adapter
        .get_info()
        .name
        .to_lowercase()
        .contains(&name.to_lowercase())
}

async fn enumerate(backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    if backends.is_empty() {
        return Vec::new();
    }
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = instance.enumerate_adapters(backends).await;
    adapters.retain(|adapter| {
        adapter
            .get_downlevel_capabilities()
            .flags
            .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    });
    adapters.sort_by_key(|adapter| {
        let info = adapter.get_info();
        rank(info.device_type, info.subgroup_max_size) // stable: the driver's order otherwise
    });
    adapters
}

/// The lower the better. A subgroup of a GPU says nothing of its speed; of software it is a vector of the host's.
fn rank(device_type: wgpu::DeviceType, lanes: u32) -> (u8, Reverse<u32>) {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => (0, Reverse(0)),
        wgpu::DeviceType::IntegratedGpu => (1, Reverse(0)),
        wgpu::DeviceType::VirtualGpu => (2, Reverse(0)),
        wgpu::DeviceType::Other => (3, Reverse(0)),
        wgpu::DeviceType::Cpu => (4, Reverse(lanes)),
    }
}

fn modern_backends() -> wgpu::Backends {
    allowed_backends() - wgpu::Backends::GL
}

fn gl_backend() -> wgpu::Backends {
    allowed_backends() & wgpu::Backends::GL
}

fn allowed_backends() -> wgpu::Backends {
    wgpu::Backends::from_env().unwrap_or(wgpu::Backends::all())
        & wgpu::Instance::enabled_backend_features()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_better_than_software_and_wide_software_than_narrow() {
        use wgpu::DeviceType as Type;
        let best_first = [
            (Type::DiscreteGpu, 32),
            (Type::IntegratedGpu, 64),
            (Type::Cpu, 8),
            (Type::Cpu, 4),
        ];
        assert!(best_first.is_sorted_by(|a, b| rank(a.0, a.1) < rank(b.0, b.1)));
        assert_eq!(rank(Type::DiscreteGpu, 32), rank(Type::DiscreteGpu, 64));
    }
}
