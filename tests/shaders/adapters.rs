//! Kinds of adapters, as data: whatever operations look at when they offer their variants.

use wgformer::gpu::Capabilities;
use wgpu::{AdapterInfo, Backend, DeviceType, Features, Limits};

/// Every optional feature that a kernel of this crate may come to declare.
const EVERY_FEATURE: Features = Features::SUBGROUP
    .union(Features::SUBGROUP_BARRIER)
    .union(Features::SHADER_F16);

/// Name, kind, smallest and largest subgroup, and features. The limits are WebGPU's defaults, which suffice everywhere.
const ADAPTERS: [(&str, DeviceType, [u32; 2], Features); 7] = [
    ("software, 4 lanes", DeviceType::Cpu, [4, 4], EVERY_FEATURE),
    ("software, 8 lanes", DeviceType::Cpu, [8, 8], EVERY_FEATURE),
    (
        "software, 16 lanes",
        DeviceType::Cpu,
        [16, 16],
        EVERY_FEATURE,
    ),
    (
        "GPU, 32 lanes",
        DeviceType::DiscreteGpu,
        [32, 32],
        EVERY_FEATURE,
    ),
    (
        "GPU, 64 lanes",
        DeviceType::DiscreteGpu,
        [64, 64],
        EVERY_FEATURE,
    ),
    (
        "GPU, 8 to 32 lanes",
        DeviceType::IntegratedGpu,
        [8, 32],
        EVERY_FEATURE,
    ),
    (
        "no features",
        DeviceType::Other,
        [4, 128],
        Features::empty(),
    ),
];

pub(crate) fn adapters() -> Vec<Capabilities> {
    ADAPTERS
        .iter()
        .map(|(name, kind, [smallest, largest], features)| Capabilities {
            info: AdapterInfo {
                name: (*name).to_owned(),
                subgroup_min_size: *smallest,
                subgroup_max_size: *largest,
                ..AdapterInfo::new(*kind, Backend::Noop)
            },
            features: *features,
            limits: Limits::default(),
        })
        .collect()
}
