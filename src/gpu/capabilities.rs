use std::fmt;

use crate::kernel::Kernel;

/// What an adapter, or a device that somebody made from it, can do; plain data.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Name, back end, driver, kind and subgroup sizes.
    pub info: wgpu::AdapterInfo,
    /// The optional features that may be used.
    pub features: wgpu::Features,
    /// The limits that hold.
    pub limits: wgpu::Limits,
}

impl Capabilities {
    /// What a device may use: its own features and limits, which may be fewer than its adapter's.
    #[must_use]
    pub(super) fn of_device(device: &wgpu::Device) -> Self {
        Self {
            info: device.adapter_info(),
            features: device.features(),
            limits: device.limits(),
        }
    }

    /// What an adapter offers.
    #[must_use]
    pub(super) fn of_adapter(adapter: &wgpu::Adapter) -> Self {
        Self {
            info: adapter.get_info(),
            features: adapter.features(),
            limits: adapter.limits(),
        }
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
            Some(size) if 32_u32.is_multiple_of(size) => None,
            Some(size) => Some(format!("it is not made for subgroups of {size} lanes")),
        }
    }

    /// Whether the adapter runs on the CPU.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }
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
