//! What the C programs write, as Rust writes it.

use wgformer::Result;
use wgformer::plan::Memory;

pub(crate) fn bits(value: f32) -> String {
    format!("{:08x}", value.to_bits())
}

/// `write_memory` of `check.h`.
pub(crate) fn memory(name: &str, memory: &Memory) -> String {
    format!(
        "memory {name} {} {} {} {} {}",
        memory.total(),
        memory.weights,
        memory.activations,
        memory.staging,
        memory.runs
    )
}

/// `MAKE_READY` of `check.h`: what a model takes before and after it is warmed up, which must not be the same.
pub(crate) fn ready(
    name: &str,
    taken: impl Fn() -> Memory,
    warm_up: impl FnOnce() -> Result<()>,
) -> Vec<String> {
    let before = taken();
    warm_up().unwrap();
    let after = taken();
    assert_ne!(before, after, "{name}");
    vec![memory(name, &before), memory(name, &after)]
}
