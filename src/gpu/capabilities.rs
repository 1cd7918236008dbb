use std::fmt;

use super::pipelines::MOST_PARAMS;
use crate::error::{Error, Result};
use crate::kernel::{COOPERATIVE_MATRIX, Kernel};

/// What an adapter, or a device that somebody made from it, can do; plain data.
///
/// ```
/// let gpu = wgformer::Gpu::new()?;
/// let capabilities = gpu.capabilities();
/// println!("subgroups of {:?} lanes", capabilities.subgroup_size());
/// println!("buffers of {} bytes", capabilities.largest_binding());
/// println!("a GPU: {}", !capabilities.is_software());
/// for kernel in wgformer::ops::KERNELS {
///     if let Some(obstacle) = capabilities.obstacle(kernel) {
///         println!("{} cannot run here: {obstacle}", kernel.name);
///     }
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// Name, back end, driver, kind and subgroup sizes.
    pub info: wgpu::AdapterInfo,
    /// The optional features that may be used.
    pub features: wgpu::Features,
    /// The limits that hold.
    pub limits: wgpu::Limits,
    /// Rows, and columns, of the square cooperative matrices that kernels may use: f16 times f16, added up in f32.
    pub cooperative_matrices: Vec<u32>,
    /// Kernels that failed their self-test here, by name, and what was wrong.
    pub failed: Vec<(&'static str, String)>,
}

impl Capabilities {
    /// Of an adapter, perhaps one that is not here, without cooperative matrices.
    #[must_use]
    pub fn new(info: wgpu::AdapterInfo, features: wgpu::Features, limits: wgpu::Limits) -> Self {
        Self {
            info,
            features,
            limits,
            cooperative_matrices: vec![],
            failed: vec![],
        }
    }

    /// What a device may use: its own features and limits, which may be fewer than its adapter's. Only the adapter
    /// knows which cooperative matrices there are.
    #[must_use]
    pub(super) fn of_device(device: &wgpu::Device, adapter: Option<&wgpu::Adapter>) -> Self {
        let features = device.features();
        Self {
            cooperative_matrices: adapter
                .map_or_else(Vec::new, |adapter| cooperative_matrices(adapter, features)),
            ..Self::new(device.adapter_info(), features, device.limits())
        }
    }

    /// What an adapter offers.
    #[must_use]
    pub(super) fn of_adapter(adapter: &wgpu::Adapter) -> Self {
        let features = adapter.features();
        Self {
            cooperative_matrices: cooperative_matrices(adapter, features),
            ..Self::new(adapter.get_info(), features, adapter.limits())
        }
    }

    /// The features to ask a device for: those of the adapter's that a kernel or a profile can use.
    pub(super) fn useful_features(&self) -> wgpu::Features {
        let useful = if self.cooperative_matrices.is_empty() {
            wgpu::Features::SUBGROUP
        } else {
            COOPERATIVE_MATRIX
        };
        let others = wgpu::Features::PIPELINE_CACHE | wgpu::Features::TIMESTAMP_QUERY;
        self.features & (useful | others)
    }

    /// The largest storage buffer that a kernel can bind, in bytes.
    #[must_use]
    pub fn largest_binding(&self) -> u64 {
        let limits = &self.limits;
        limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size)
    }

    /// The subgroup size, in lanes, where every pipeline has the same and shaders may use it.
    #[must_use]
    pub fn subgroup_size(&self) -> Option<u32> {
        let fixed = self.info.subgroup_min_size == self.info.subgroup_max_size;
        (fixed && self.features.contains(wgpu::Features::SUBGROUP))
            .then_some(self.info.subgroup_min_size)
    }

    /// Why `kernel` cannot run here, whatever the shapes; `None` if it can.
    #[must_use]
    pub fn obstacle(&self, kernel: &Kernel) -> Option<String> {
        let missing = kernel.features - self.features;
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter_names().map(|(name, _)| name).collect();
            return Some(format!("the device lacks {}", names.join(", ")));
        }
        let (needed, allowed) = (
            kernel.storage_buffers(),
            self.limits.max_storage_buffers_per_shader_stage,
        );
        if needed > allowed {
            return Some(format!(
                "it binds {needed} storage buffers, and the device allows {allowed}"
            ));
        }
        let (needed, allowed) = (
            kernel.storage_textures(),
            self.limits.max_storage_textures_per_shader_stage,
        );
        if needed > allowed {
            return Some(format!(
                "it binds {needed} storage textures, and the device allows {allowed}"
            ));
        }
        if let Some(size) = kernel.cooperative_matrix {
            if !self.cooperative_matrices.contains(&size) {
                return Some(format!(
                    "the device has no cooperative matrices of {size} x {size}"
                ));
            }
        }
        let failed = |(name, _): &&(&str, String)| *name == kernel.name;
        if let Some((_, reason)) = self.failed.iter().find(failed) {
            return Some(format!("it failed its self-test here: {reason}"));
        }
        if !kernel.needs_one_subgroup_size() {
            return None;
        }
        let (min, max) = (self.info.subgroup_min_size, self.info.subgroup_max_size);
        match self.subgroup_size() {
            None => Some(format!(
                "it needs subgroups of one size, and here they have {min} to {max} lanes"
            )),
            Some(32) if self.is_software() => {
                Some("lavapipe computes wrongly with subgroups of 32 lanes".to_owned())
            }
            Some(size) if 64_u32.is_multiple_of(size) => None,
            Some(size) => Some(format!("it is not made for subgroups of {size} lanes")),
        }
    }

    /// Checks the limits that every kernel may count on: those of the least device that wgpu makes for compute.
    ///
    /// Others are told from what needs them: a kernel by [`Capabilities::obstacle`], a buffer or a texture when it is made.
    ///
    /// ```
    /// let gpu = wgformer::Gpu::new()?;
    /// gpu.capabilities().check_limits()?; // plans may run here
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`], naming the first that is lower.
    pub fn check_limits(&self) -> Result<()> {
        let least = wgpu::Limits::downlevel_defaults();
        let needed = wgpu::Limits {
            max_bind_groups: 2,
            max_uniform_buffers_per_shader_stage: 1,
            max_dynamic_uniform_buffers_per_pipeline_layout: 1,
            max_uniform_buffer_binding_size: MOST_PARAMS,
            max_compute_workgroup_storage_size: least.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: least.max_compute_invocations_per_workgroup,
            max_compute_workgroup_size_x: least.max_compute_workgroup_size_x,
            // Squared, it is enough for nearly any grid; each run is checked.
            max_compute_workgroups_per_dimension: least.max_compute_workgroups_per_dimension,
            ..self.limits.clone()
        };
        let mut lower = None;
        needed.check_limits_with_fail_fn(&self.limits, true, |name, needed, allowed| {
            lower = Some(Error::Limit {
                thing: format!("a plan on {}", self.info.name),
                needed,
                allowed,
                unit: name,
                advice: "make the device with its adapter's limits, or at least `wgpu::Limits::downlevel_defaults`",
            });
        });
        lower.map_or(Ok(()), Err)
    }

    /// Whether the adapter runs on the CPU.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Whether the host has AVX-512, 32 vector registers where AVX2 has 16; `None` unless a subgroup is one of the host's
    /// vectors, as lavapipe's are: SwiftShader's are of 4 lanes on every host.
    pub(crate) fn host_has_avx512(&self) -> Option<bool> {
        let is_host_vector = self.is_software() && self.subgroup_size()? >= 8;
        is_host_vector.then(has_avx512)
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn has_avx512() -> bool {
    false
}

fn cooperative_matrices(adapter: &wgpu::Adapter, features: wgpu::Features) -> Vec<u32> {
    if features.contains(COOPERATIVE_MATRIX) {
        usable(
            adapter.get_info().backend,
            &adapter.cooperative_matrix_properties(),
        )
    } else {
        vec![]
    }
}

/// The sizes that kernels are made for, as far as the back end can translate them: naga writes none in HLSL, and
/// Metal's compiler takes 8 x 8 alone.
fn usable(backend: wgpu::Backend, there: &[wgpu::CooperativeMatrixProperties]) -> Vec<u32> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let sizes: &[u32] = match backend {
        wgpu::Backend::Dx12 => &[],
        wgpu::Backend::Metal => &[8],
        _ => &[8, 16],
    };
    let is_there = |size: &u32| {
        there.iter().any(|matrix| {
            [matrix.m_size, matrix.n_size, matrix.k_size] == [*size; 3]
                && (matrix.ab_type, matrix.cr_type) == (F16, F32)
        })
    };
    sizes.iter().copied().filter(is_there).collect()
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({:?}, {})",
            self.info.name,
            self.info.backend,
            kind(self.info.device_type)
        )?;
        if !self.info.driver.is_empty() {
            write!(f, ", {} {}", self.info.driver, self.info.driver_info)?;
        }
        Ok(())
    }
}

fn kind(device_type: wgpu::DeviceType) -> &'static str {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::CooperativeScalarType::{F16, F32};

    fn matrix(
        [m_size, n_size, k_size]: [u32; 3],
        [ab_type, cr_type]: [wgpu::CooperativeScalarType; 2],
    ) -> wgpu::CooperativeMatrixProperties {
        wgpu::CooperativeMatrixProperties {
            m_size,
            n_size,
            k_size,
            ab_type,
            cr_type,
            saturating_accumulation: false,
        }
    }

    #[test]
    fn cooperative_matrices_are_those_that_the_back_end_translates() {
        let both = [matrix([8; 3], [F16, F32]), matrix([16; 3], [F16, F32])];
        assert_eq!(usable(wgpu::Backend::Vulkan, &both), [8, 16]);
        assert_eq!(usable(wgpu::Backend::Metal, &both), [8]);
        assert!(usable(wgpu::Backend::Dx12, &both).is_empty());
    }

    #[test]
    fn cooperative_matrices_are_square_and_f16_with_sums_in_f32() {
        let others = [
            matrix([8, 8, 16], [F16, F32]),
            matrix([16, 8, 16], [F16, F32]),
            matrix([16; 3], [F16, F16]),
            matrix([8; 3], [F32, F32]),
        ];
        assert!(usable(wgpu::Backend::Vulkan, &others).is_empty());
    }
}
