//! Every shader, without a GPU: it is a valid module whose bindings and `Params` are what the Rust side says, and it
//! translates for every back end.

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{
    AddressSpace, ImageClass, ImageDimension, Module, ScalarKind, StorageAccess, StorageFormat,
    TypeInner,
};
use wgformer::kernel::{Access, Kernel};
use wgformer::ops::KERNELS;

/// Every kernel as it is, and with each of its 0-or-1 switches and weight types turned.
fn variants(kernel: &'static Kernel) -> Vec<(String, String)> {
    let switches: Vec<(&str, u32)> = [
        ("WEIGHT_BITS", 16),
        ("BIAS", 0),
        ("ACTIVATION", 1),
        ("RESIDUAL", 1),
        ("SPLIT_HEAD_DIM", 32),
        ("NORMALIZE", 0),
        ("MODE", 1),
        ("MODE", 2),
        ("MODE", 3),
        ("HEAD_DIM", 64),
        ("HEAD_DIM", 128),
        ("LANES", 4),
        ("LANES", 16),
    ]
    .into_iter()
    .filter(|(name, _)| kernel.constants.contains(name))
    .collect();
    let mut variants = vec![(kernel.name.to_owned(), kernel.wgsl.to_owned())];
    for (name, value) in switches {
        let name = kernel
            .constants
            .iter()
            .find(|constant| **constant == name)
            .unwrap();
        let wgsl = kernel.compose(&[(name, value)]).unwrap().into_owned();
        variants.push((format!("{} {name}={value}", kernel.name), wgsl));
    }
    variants
}

fn parse(name: &str, wgsl: &str, features: wgpu::Features) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(wgsl)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(wgsl)));
    // `unpack2x16float` is in WebGPU without any feature; only its spelling in naga is a capability.
    let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    capabilities.set(
        Capabilities::SUBGROUP,
        features.contains(wgpu::Features::SUBGROUP),
    );
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    (module, info)
}

#[test]
fn every_shader_file_is_a_kernel_of_its_name() {
    let mut files: Vec<String> = std::fs::read_dir("shaders")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut kernels: Vec<String> = KERNELS
        .iter()
        .map(|kernel| format!("{}.wgsl", kernel.name))
        .collect();
    kernels.sort();
    assert_eq!(files, kernels);
    for kernel in KERNELS {
        let file = std::fs::read_to_string(format!("shaders/{}.wgsl", kernel.name)).unwrap();
        assert_eq!(file, kernel.wgsl, "{}", kernel.name);
    }
}

#[test]
fn bindings_and_params_are_what_the_kernel_says() {
    for kernel in KERNELS {
        for (name, wgsl) in variants(kernel) {
            let (module, _) = parse(&name, &wgsl, kernel.features);
            assert_eq!(module.entry_points.len(), 1, "{name}");
            assert_eq!(module.entry_points[0].name, kernel.name, "{name}");
            assert_eq!(tensor_bindings(&module), kernel.bindings, "{name}");
            assert_eq!(
                params_size(&module),
                kernel.params_size,
                "{name}: the size of Params"
            );
            // Metal hides one of the eight buffers that every adapter has.
            let is_buffer = |access: &&Access| matches!(access, Access::Read | Access::ReadWrite);
            assert!(
                kernel.bindings.iter().filter(is_buffer).count() <= 6,
                "{name}"
            );
        }
    }
}

/// What group 0 holds, which must be numbered from 0.
fn tensor_bindings(module: &Module) -> Vec<Access> {
    let mut bindings: Vec<(u32, Access)> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| {
            let access = match variable.space {
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => {
                    Access::ReadWrite
                }
                AddressSpace::Storage { .. } => Access::Read,
                AddressSpace::Handle => texture_access(&module.types[variable.ty].inner),
                _ => return None,
            };
            let binding = variable.binding.unwrap();
            assert_eq!(binding.group, 0);
            Some((binding.binding, access))
        })
        .collect();
    bindings.sort_by_key(|(binding, _)| *binding);
    assert!(
        bindings
            .iter()
            .enumerate()
            .all(|(place, (binding, _))| place == *binding as usize)
    );
    bindings.into_iter().map(|(_, access)| access).collect()
}

fn texture_access(inner: &TypeInner) -> Access {
    let TypeInner::Image {
        dim: ImageDimension::D2,
        arrayed: false,
        class,
    } = inner
    else {
        panic!("{inner:?}")
    };
    match class {
        ImageClass::Sampled {
            kind: ScalarKind::Float,
            multi: false,
        } => Access::Load,
        ImageClass::Sampled {
            kind: ScalarKind::Uint,
            multi: false,
        } => Access::LoadBits,
        ImageClass::Storage {
            format: StorageFormat::Rgba32Float,
            access: StorageAccess::STORE,
        } => Access::Store,
        other => panic!("no kernel binds {other:?}"),
    }
}

fn params_size(module: &Module) -> usize {
    let mut uniforms = module
        .global_variables
        .iter()
        .filter(|(_, variable)| variable.space == AddressSpace::Uniform);
    let (_, params) = uniforms.next().unwrap();
    assert!(uniforms.next().is_none());
    let binding = params.binding.unwrap();
    assert_eq!((binding.group, binding.binding), (1, 0));
    module.types[params.ty].inner.size(module.to_ctx()) as usize
}

#[test]
fn every_variant_translates_to_spirv_msl_and_hlsl() {
    let all = KERNELS.iter().flat_map(|kernel| {
        variants(kernel)
            .into_iter()
            .map(|variant| (variant, kernel.features))
    });
    for ((name, wgsl), features) in all {
        let (module, info) = parse(&name, &wgsl, features);
        let options = spv::Options {
            lang_version: (1, 3),
            ..Default::default()
        };
        spv::write_vec(&module, &info, &options, None)
            .unwrap_or_else(|error| panic!("{name}: SPIR-V: {error}"));

        let options = msl::Options {
            lang_version: (2, 4),
            fake_missing_bindings: true,
            ..Default::default()
        };
        msl::write_string(&module, &info, &options, &Default::default())
            .unwrap_or_else(|error| panic!("{name}: MSL: {error}"));

        let options = hlsl::Options {
            shader_model: hlsl::ShaderModel::V6_0,
            fake_missing_bindings: true,
            special_constants_binding: Some(hlsl::BindTarget {
                space: 2,
                register: 0,
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &Default::default())
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{name}: HLSL: {error}"));
    }
}
