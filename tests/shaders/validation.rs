//! Every shader is valid on a device that has the features which its kernel declares, and on none that has fewer.

use naga::Module;
use naga::front::wgsl;
use naga::valid::{ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags};
use wgpu::{DownlevelFlags, Features};
use wgpu_naga_bridge::{create_validator, features_to_naga_capabilities};

use crate::variants::{Composed, VARIANTS};

/// Parses and validates as wgpu does for a device that has just these features.
pub(crate) fn parse(wgsl: &str, features: Features) -> Result<(Module, ModuleInfo), String> {
    let every_device = DownlevelFlags::compliant();
    let mut options = wgsl::Options::new();
    options.capabilities = features_to_naga_capabilities(features, every_device);
    let module = wgsl::Frontend::new_with_options(options)
        .parse(wgsl)
        .map_err(|error| error.emit_to_string(wgsl))?;
    let info = create_validator(features, every_device, ValidationFlags::all())
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(wgsl))?;
    Ok((module, info))
}

/// Every variant, its module and what the validator knows of it.
pub(crate) fn parsed() -> impl Iterator<Item = (&'static Composed, Module, ModuleInfo)> {
    VARIANTS.iter().map(|composed| {
        let (module, info) = parse(&composed.wgsl, composed.kernel().features)
            .unwrap_or_else(|error| panic!("{}: {error}", composed.name));
        (composed, module, info)
    })
}

#[test]
fn every_variant_is_valid() {
    assert!(parsed().count() > 0);
}

#[test]
fn no_kernel_declares_a_feature_that_it_does_not_need() {
    for composed in VARIANTS.iter() {
        let needless = needless(&composed.wgsl, composed.kernel().features);
        assert!(needless.is_empty(), "{}: {needless:?}", composed.name);
    }
}

/// Those of the features without which the shader is valid too.
fn needless(wgsl: &str, declared: Features) -> Vec<Features> {
    let is_valid_without = |feature: &Features| parse(wgsl, declared - *feature).is_ok();
    declared.iter().filter(is_valid_without).collect()
}

#[test]
fn a_feature_that_is_not_needed_is_found() {
    let wgsl = "@compute @workgroup_size(64) fn idle() {}";
    assert_eq!(needless(wgsl, Features::SUBGROUP), [Features::SUBGROUP]);
}

const NONE: Features = Features::empty();

#[track_caller]
fn assert_rejected(wgsl: &str, features: Features, reason: &str) {
    let error = parse(wgsl, features).unwrap_err();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn what_does_not_parse_is_rejected() {
    let wgsl = "@compute @workgroup_size(64) fn broken( {}";
    assert_rejected(wgsl, NONE, "expected identifier");
}

#[test]
fn what_is_not_valid_is_rejected() {
    let wgsl = "@group(0) @binding(0) var<storage, read> x: array<f32>;
                @compute @workgroup_size(64) fn broken() { x[0] = 1.0; }";
    assert_rejected(wgsl, NONE, "store");
}

#[test]
fn f16_needs_its_feature() {
    let wgsl = "enable f16;
                @group(0) @binding(0) var<storage, read_write> y: array<f16>;
                @compute @workgroup_size(64) fn halves() { y[0] = 1h; }";
    assert_rejected(wgsl, NONE, "f16");
    parse(wgsl, Features::SHADER_F16).unwrap();
}

#[test]
fn subgroup_operations_need_their_feature() {
    let wgsl = "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
                @compute @workgroup_size(64) fn sum() { y[0] = subgroupAdd(y[0]); }";
    assert_rejected(wgsl, NONE, "SUBGROUP");
    parse(wgsl, Features::SUBGROUP).unwrap();
}

#[test]
fn subgroup_builtins_need_their_feature() {
    let wgsl = "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
                @compute @workgroup_size(64) fn size(@builtin(subgroup_size) size: u32) { y[0] = size; }";
    assert_rejected(wgsl, NONE, "SUBGROUP");
    parse(wgsl, Features::SUBGROUP).unwrap();
}
