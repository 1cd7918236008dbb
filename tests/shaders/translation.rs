//! Every shader translates for every back end, and SPIR-V and HLSL are what programs that are not naga take them for.
//! `make checkers` installs those.

use std::fs;
use std::path::Path;
use std::process::Command;

use naga::Module;
use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::ModuleInfo;

use crate::validation::{parse, parsed};
use crate::variants::Composed;

// As pipelines are compiled: without run-time checks, and with workgroup memory as it is.
const UNCHECKED: BoundsCheckPolicies = BoundsCheckPolicies {
    index: BoundsCheckPolicy::Unchecked,
    buffer: BoundsCheckPolicy::Unchecked,
    image_load: BoundsCheckPolicy::Unchecked,
    binding_array: BoundsCheckPolicy::Unchecked,
};

fn to_spirv(module: &Module, info: &ModuleInfo) -> Vec<u8> {
    let options = spv::Options {
        lang_version: (1, 3), // the oldest that has subgroup operations
        bounds_check_policies: UNCHECKED,
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..Default::default()
    };
    let words = spv::write_vec(module, info, &options, None).unwrap();
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn to_metal(module: &Module, info: &ModuleInfo) -> String {
    let options = msl::Options {
        lang_version: (2, 4),
        fake_missing_bindings: true,
        bounds_check_policies: UNCHECKED,
        zero_initialize_workgroup_memory: false,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..Default::default()
    };
    let (text, names) = msl::write_string(module, info, &options, &Default::default()).unwrap();
    names.entry_point_names[0].as_ref().unwrap();
    text
}

/// A translation, and what it calls its entry point: some of our names are HLSL's own.
struct Hlsl {
    text: String,
    entry_point: String,
}

fn to_hlsl(module: &Module, info: &ModuleInfo) -> Hlsl {
    let options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_0,
        // Holds the number of workgroups.
        special_constants_binding: Some(hlsl::BindTarget {
            space: 2,
            ..Default::default()
        }),
        zero_initialize_workgroup_memory: false,
        restrict_indexing: false,
        force_loop_bounding: false,
        ..Default::default()
    };
    let mut text = String::new();
    let mut names = hlsl::Writer::new(&mut text, &options, &Default::default())
        .write(module, info, None)
        .unwrap();
    let entry_point = names.entry_point_names.remove(0).unwrap();
    Hlsl { text, entry_point }
}

/// glslang does not know `T name[N] = (T[N])0;`: leaves the initial value out.
fn without_array_initialisers(hlsl: &str) -> String {
    let lines = hlsl.lines().map(|line| match line.split_once(" = (") {
        Some((variable, value)) if value.ends_with("])0;") => format!("{variable};\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn check_spirv(file: &Path) -> Result<(), String> {
    run(Command::new("spirv-val")
        .args(["--target-env", "vulkan1.1"])
        .arg(file))
}

fn check_hlsl(file: &Path, entry_point: &str) -> Result<(), String> {
    let scratch = tempfile::tempdir().unwrap();
    // -D: it is HLSL; -V, without which it does nothing: generate code.
    run(Command::new("glslangValidator")
        .args(["-D", "-V", "--target-env", "vulkan1.1", "-S", "comp"])
        .args(["-e", entry_point])
        .arg("-o")
        .arg(scratch.path().join("unused.spv"))
        .arg(file))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "{}: {error}: `make checkers` installs it",
            program.display()
        )
    });
    if output.status.success() {
        return Ok(());
    }
    Err([output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat())
}

/// What is left out, and why.
#[rustfmt::skip]
const LEFT_OUT: [(&str, Target, &str); 10] = [
    ("attention_cooperative_8", Target::SpirvVal, "Debian's does not know cooperative matrices yet"),
    ("attention_cooperative_16", Target::SpirvVal, "Debian's does not know cooperative matrices yet"),
    ("attention_cooperative_8", Target::Hlsl, "naga has no translation, and no device of that back end is offered it"),
    ("attention_cooperative_16", Target::Hlsl, "naga has no translation, and no device of that back end is offered it"),
    ("attention_cooperative_16", Target::Metal, "Metal's compiler takes 8 x 8 alone, and no device of that back end is offered it"),
    ("linear_cooperative_8", Target::SpirvVal, "Debian's does not know cooperative matrices yet"),
    ("linear_cooperative_16", Target::SpirvVal, "Debian's does not know cooperative matrices yet"),
    ("linear_cooperative_8", Target::Hlsl, "naga has no translation, and no device of that back end is offered it"),
    ("linear_cooperative_16", Target::Hlsl, "naga has no translation, and no device of that back end is offered it"),
    ("linear_cooperative_16", Target::Metal, "Metal's compiler takes 8 x 8 alone, and no device of that back end is offered it"),
];

#[derive(PartialEq)]
enum Target {
    SpirvVal,
    Hlsl,
    Metal,
}

fn is_left_out(composed: &Composed, target: Target) -> bool {
    let mut left_out = LEFT_OUT.iter();
    left_out.any(|(kernel, from, _)| *kernel == composed.kernel().name && *from == target)
}

#[test]
fn every_variant_becomes_valid_spirv() {
    for (composed, module, info) in parsed() {
        let file = composed.file("spv");
        fs::write(&file, to_spirv(&module, &info)).unwrap();
        if is_left_out(composed, Target::SpirvVal) {
            continue;
        }
        check_spirv(&file).unwrap_or_else(|error| panic!("{}: {error}", composed.name));
    }
}

#[test]
fn every_variant_becomes_hlsl() {
    for (composed, module, info) in parsed() {
        if is_left_out(composed, Target::Hlsl) {
            continue;
        }
        let file = composed.file("hlsl");
        let Hlsl { text, entry_point } = to_hlsl(&module, &info);
        fs::write(&file, without_array_initialisers(&text)).unwrap();
        check_hlsl(&file, &entry_point)
            .unwrap_or_else(|error| panic!("{}: {error}", composed.name));
    }
}

#[test]
fn every_variant_becomes_metal() {
    for (composed, module, info) in parsed() {
        if is_left_out(composed, Target::Metal) {
            continue;
        }
        let text = to_metal(&module, &info);
        assert!(text.contains("kernel void"), "{}: {text}", composed.name);
    }
}

/// A shader with an array in it.
fn example() -> (Module, ModuleInfo) {
    let wgsl = "
        @group(0) @binding(0) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn example(@builtin(local_invocation_index) lane: u32) {
            var values: array<f32, 4>;
            values[lane % 4u] = 1.0;
            y[lane] = values[0];
        }";
    parse(wgsl, wgpu::Features::empty()).unwrap()
}

#[test]
fn damaged_spirv_is_found() {
    let (module, info) = example();
    let mut spirv = to_spirv(&module, &info);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("example.spv");
    fs::write(&file, &spirv).unwrap();
    check_spirv(&file).unwrap();

    spirv[12] = 1; // the word that bounds all ids
    fs::write(&file, &spirv).unwrap();
    let error = check_spirv(&file).unwrap_err();
    assert!(error.contains("bound"), "{error}");
}

#[test]
fn damaged_hlsl_is_found() {
    let (module, info) = example();
    let hlsl = to_hlsl(&module, &info);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("example.hlsl");
    let checked = |text: &str| {
        fs::write(&file, text).unwrap();
        check_hlsl(&file, &hlsl.entry_point)
    };
    let text = without_array_initialisers(&hlsl.text);
    checked(&text).unwrap();

    let error = checked(&text.replace("uint lane", "uint other")).unwrap_err();
    assert!(error.contains("lane"), "{error}");
    // The rewriting goes once glslang does not need it.
    checked(&hlsl.text).unwrap_err();
}

/// Metal has no 64-bit floats.
#[test]
#[should_panic(expected = "Unsupported scalar kind")]
fn what_metal_has_not_is_found() {
    let wgsl = "
        @group(0) @binding(0) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn example() { y[0] = f32(f64(y[1]) * f64(y[2])); }";
    let (module, info) = parse(wgsl, wgpu::Features::SHADER_F64).unwrap();
    to_metal(&module, &info);
}
