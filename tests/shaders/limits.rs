//! Every shader fits the limits of the least device that it is offered to: of those that wgpu makes for compute, or else
//! of what every WebGPU adapter has.

use std::collections::BTreeSet;

use naga::{AddressSpace, Module};
use wgformer::kernel::{Access, Kernel};
use wgpu::Limits;

use crate::validation::{parse, parsed};
use crate::variants::VARIANTS;

fn check_module(module: &Module, limits: &Limits) -> Result<(), String> {
    let [x, y, z] = module.entry_points[0].workgroup_size;
    within(
        "lanes",
        x * y * z,
        limits.max_compute_invocations_per_workgroup,
    )?;
    within("lanes in x", x, limits.max_compute_workgroup_size_x)?;
    within("lanes in y", y, limits.max_compute_workgroup_size_y)?;
    within("lanes in z", z, limits.max_compute_workgroup_size_z)?;
    within(
        "bytes of workgroup memory",
        workgroup_memory(module),
        limits.max_compute_workgroup_storage_size,
    )
}

/// As wgpu counts it.
fn workgroup_memory(module: &Module) -> u32 {
    let variables = module
        .global_variables
        .iter()
        .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup);
    variables
        .map(|(_, variable)| {
            let size = module.types[variable.ty].inner.size(module.to_ctx());
            size.next_multiple_of(16)
        })
        .sum()
}

fn check_bindings(kernel: &Kernel, limits: &Limits) -> Result<(), String> {
    let count = |wanted: &[Access]| {
        let bound = kernel.bindings.iter();
        bound.filter(|access| wanted.contains(access)).count() as u32
    };
    within(
        "storage buffers",
        count(&[Access::Read, Access::ReadWrite]),
        limits.max_storage_buffers_per_shader_stage,
    )?;
    within(
        "storage textures",
        count(&[Access::Load, Access::LoadBits, Access::Store]),
        limits.max_storage_textures_per_shader_stage,
    )
}

fn within(what: &str, used: u32, most: u32) -> Result<(), String> {
    if used <= most {
        Ok(())
    } else {
        Err(format!("{used} {what}, at most {most}"))
    }
}

#[test]
fn every_variant_fits_the_limits() {
    for (composed, module, _) in parsed() {
        check_module(&module, &composed.limits)
            .and_then(|()| check_bindings(composed.kernel(), &composed.limits))
            .unwrap_or_else(|error| panic!("{}: {error}", composed.name));
    }
}

/// Each of these is offered beside others that the least device can run.
#[test]
fn few_kernels_need_more_than_the_lowest_limits() {
    let lowest = Limits::downlevel_defaults();
    let others = VARIANTS.iter().filter(|it| it.limits != lowest);
    let kernels: BTreeSet<&str> = others.map(|composed| composed.kernel().name).collect();
    let expected = [
        "disentangled_attention", // 8 x 256: workgroup memory
        "linear_cooperative_16",  // a fifth buffer
        "linear_cooperative_8",
        "linear_tile",   // 128 x 128: workgroup memory
        "top_k_texture", // long rows
    ];
    assert_eq!(Vec::from_iter(kernels), expected);
}

fn error_of(wgsl: &str) -> String {
    let (module, _) = parse(wgsl, wgpu::Features::empty()).unwrap();
    check_module(&module, &Limits::downlevel_defaults()).unwrap_err()
}

#[test]
fn too_large_a_workgroup_is_found() {
    let error = error_of("@compute @workgroup_size(16, 17) fn broken() {}");
    assert_eq!(error, "272 lanes, at most 256");
}

#[test]
fn too_much_workgroup_memory_is_found() {
    let error = error_of(
        "var<workgroup> a: array<vec4<f32>, 1024>;
         var<workgroup> b: u32;
         @compute @workgroup_size(64) fn broken() { a[0] = vec4(0.0); b = 0u; }",
    );
    assert_eq!(error, "16400 bytes of workgroup memory, at most 16352");
}

#[test]
fn too_many_bindings_are_found() {
    for (bindings, error) in [
        (vec![Access::Read; 5], "5 storage buffers, at most 4"),
        (vec![Access::Load; 5], "5 storage textures, at most 4"),
        (vec![Access::Store; 5], "5 storage textures, at most 4"),
    ] {
        let kernel = Kernel {
            name: "broken",
            wgsl: "",
            bindings: bindings.leak(),
            params_size: 0,
            constants: &[],
            features: wgpu::Features::empty(),
            cooperative_matrix: None,
        };
        assert_eq!(
            check_bindings(&kernel, &Limits::downlevel_defaults()).unwrap_err(),
            error
        );
    }
}
