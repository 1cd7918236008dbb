//! What of an adapter the built-in choice goes by.

use std::fmt;

use super::preferred_storage;
use crate::gpu::{Capabilities, Vendor};
use crate::kernel::Storage;

/// What the built-in choice of kernels and tiles goes by, beside shapes and the weights' type. Its tables are in the
/// operations' own files; `docs/performance.md` has the measurements and the compilers' figures that they follow from.
///
/// ```
/// use wgformer::tuning::AdapterClass;
///
/// let gpu = wgformer::Gpu::new()?;
/// println!("{}", AdapterClass::of(gpu.capabilities())); // such as `a GPU of Nvidia's, subgroups of 32 lanes; …`
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdapterClass {
    /// Whose chip it is; `None` for software.
    pub vendor: Option<Vendor>,
    /// The fewest and the most lanes of a subgroup; `None` where shaders may not use them.
    pub subgroup_sizes: Option<[u32; 2]>,
    /// Whether the host has AVX-512, where its vectors are a software adapter's subgroups.
    pub host_has_avx512: Option<bool>,
    /// Rows, and columns, of its cooperative matrices.
    pub cooperative_matrices: Vec<u32>,
    /// What activations are in, as [`preferred_storage`] has it.
    pub storage: Storage,
}

impl AdapterClass {
    /// Of an adapter or device.
    #[must_use]
    pub fn of(capabilities: &Capabilities) -> Self {
        let info = &capabilities.info;
        let has_subgroups = capabilities.features.contains(wgpu::Features::SUBGROUP);
        let is_gpu = !capabilities.is_software();
        Self {
            vendor: is_gpu.then(|| Vendor::of(capabilities)),
            subgroup_sizes: has_subgroups
                .then_some([info.subgroup_min_size, info.subgroup_max_size]),
            host_has_avx512: capabilities.host_has_avx512(),
            cooperative_matrices: capabilities.cooperative_matrices.clone(),
            storage: preferred_storage(capabilities),
        }
    }

    /// Why activations are in what they are in.
    fn why_storage(&self) -> &'static str {
        match (self.storage, self.vendor) {
            (Storage::Textures, _) => "textures, which software loads from faster",
            (Storage::Buffers, Some(_)) => "buffers, as on every GPU",
            (Storage::Buffers, None) => {
                "buffers, since kernels on textures need subgroups of one size"
            }
        }
    }
}

impl fmt::Display for AdapterClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vendor {
            None => f.write_str("software")?,
            Some(Vendor::Other) => f.write_str("a GPU of no vendor that is known")?,
            Some(vendor) => write!(f, "a GPU of {vendor:?}'s")?,
        }
        match self.subgroup_sizes {
            None => f.write_str(", no subgroups")?,
            Some([min, max]) if min == max => write!(f, ", subgroups of {min} lanes")?,
            Some([min, max]) => write!(f, ", subgroups of {min} to {max} lanes")?,
        }
        match self.host_has_avx512 {
            None => {}
            Some(true) => f.write_str(", a host with AVX-512")?,
            Some(false) => f.write_str(", a host without AVX-512")?,
        }
        if !self.cooperative_matrices.is_empty() {
            let sizes = self.cooperative_matrices.iter();
            let sizes: Vec<String> = sizes.map(|size| format!("{size} x {size}")).collect();
            write!(f, ", matrices of {}", sizes.join(" and "))?;
        }
        write!(f, "; activations in {}", self.why_storage())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_all_that_the_choice_goes_by() {
        let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::Cpu, wgpu::Backend::Noop);
        info.name = "one".to_owned();
        let of = |device_type, vendor, [min, max]: [u32; 2], features| {
            let mut info = info.clone();
            (info.device_type, info.vendor) = (device_type, vendor);
            (info.subgroup_min_size, info.subgroup_max_size) = (min, max);
            Capabilities::new(info, features, wgpu::Limits::default())
        };
        let (gpu, software) = (wgpu::DeviceType::DiscreteGpu, wgpu::DeviceType::Cpu);
        let (subgroups, nothing) = (wgpu::Features::SUBGROUP, wgpu::Features::empty());
        let mut intel = of(gpu, 0x8086, [8, 32], subgroups);
        intel.cooperative_matrices = vec![8, 16];
        let wide = AdapterClass::of(&of(software, 0, [8, 8], subgroups)).to_string();
        let host = "a host with AVX-512; ";
        let other_host = "a host without AVX-512; ";
        assert!(wide.contains(host) || wide.contains(other_host), "{wide}");
        for (capabilities, expected) in [
            (
                intel,
                "a GPU of Intel's, subgroups of 8 to 32 lanes, matrices of 8 x 8 and 16 x 16; activations in buffers, as on every GPU",
            ),
            (
                of(gpu, 0, [4, 4], nothing),
                "a GPU of no vendor that is known, no subgroups; activations in buffers, as on every GPU",
            ),
            (
                of(software, 0, [4, 4], subgroups),
                "software, subgroups of 4 lanes; activations in textures, which software loads from faster",
            ),
            (
                of(software, 0, [8, 8], nothing),
                "software, no subgroups; activations in buffers, since kernels on textures need subgroups of one size",
            ),
        ] {
            assert_eq!(AdapterClass::of(&capabilities).to_string(), expected);
        }
    }
}
