//! Every shader's entry point, bindings and `Params` are what the Rust side says.

use std::fs;

use naga::{
    AddressSpace, ImageClass, ImageDimension, Module, StorageAccess, StorageFormat, TypeInner,
};
use wgformer::kernel::{Access, Binding, Kernel, Variant};
use wgformer::ops::KERNELS;
use wgformer::tensor::WeightType;

use crate::validation::{parse, parsed};
use crate::variants::VARIANTS;

fn check(module: &Module, kernel: &Kernel) -> Result<(), String> {
    let entry_points: Vec<&str> = module
        .entry_points
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    same("entry points", &entry_points, &vec![kernel.name])?;
    same(
        "bindings",
        &tensor_bindings(module)?,
        &kernel.bindings.to_vec(),
    )?;
    let Params { at, size, .. } = params(module)?;
    same("place of Params", &at, &(1, 0))?;
    same("size of Params", &size, &kernel.uniform_size())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, shader: &T, rust: &T) -> Result<(), String> {
    if shader == rust {
        Ok(())
    } else {
        Err(format!(
            "{what}: {shader:?} in the shader, {rust:?} in Rust"
        ))
    }
}

/// What group 0 holds, which must be numbered from 0.
fn tensor_bindings(module: &Module) -> Result<Vec<Access>, String> {
    let mut bindings = Vec::new();
    for (_, variable) in module.global_variables.iter() {
        let access = match variable.space {
            AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => {
                Access::ReadWrite
            }
            AddressSpace::Storage { .. } => Access::Read,
            AddressSpace::Handle => texture_access(&module.types[variable.ty].inner)?,
            _ => continue,
        };
        let binding = variable.binding.ok_or("a resource without a binding")?;
        bindings.push(((binding.group, binding.binding), access));
    }
    bindings.sort_by_key(|(at, _)| *at);
    let (places, accesses): (Vec<_>, Vec<_>) = bindings.into_iter().unzip();
    let in_order: Vec<_> = (0..)
        .map(|binding| (0, binding))
        .take(places.len())
        .collect();
    same("places of bindings", &places, &in_order)?;
    Ok(accesses)
}

fn texture_access(inner: &TypeInner) -> Result<Access, String> {
    let TypeInner::Image {
        dim: ImageDimension::D2,
        arrayed: false,
        class,
    } = inner
    else {
        return Err(format!("no kernel binds {inner:?}"));
    };
    match class {
        ImageClass::Storage {
            format: StorageFormat::Rgba32Float,
            access: StorageAccess::LOAD,
        } => Ok(Access::Load),
        ImageClass::Storage {
            format: StorageFormat::Rgba32Uint,
            access: StorageAccess::LOAD,
        } => Ok(Access::LoadBits),
        ImageClass::Storage {
            format: StorageFormat::Rgba32Float,
            access: StorageAccess::STORE,
        } => Ok(Access::Store),
        other => Err(format!("no kernel binds {other:?}")),
    }
}

/// The uniform of a shader.
struct Params {
    /// Group and binding.
    at: (u32, u32),
    size: usize,
    /// `name: type` of each member, in order.
    members: Vec<String>,
}

fn params(module: &Module) -> Result<Params, String> {
    let uniforms: Vec<_> = module
        .global_variables
        .iter()
        .filter(|(_, variable)| variable.space == AddressSpace::Uniform)
        .collect();
    let [(_, uniform)] = uniforms[..] else {
        return Err(format!("{} uniforms", uniforms.len()));
    };
    let binding = uniform.binding.ok_or("a uniform without a binding")?;
    let inner = &module.types[uniform.ty].inner;
    let TypeInner::Struct { members, .. } = inner else {
        return Err(format!("Params is {inner:?}"));
    };
    Ok(Params {
        at: (binding.group, binding.binding),
        size: inner.size(module.to_ctx()) as usize,
        members: members
            .iter()
            .map(|member| member_text(module, member))
            .collect(),
    })
}

fn member_text(module: &Module, member: &naga::StructMember) -> String {
    let name = member.name.as_deref().unwrap_or_default();
    match module.types[member.ty].inner {
        TypeInner::Scalar(naga::Scalar::U32) => format!("{name}: u32"),
        TypeInner::Scalar(naga::Scalar::F32) => format!("{name}: f32"),
        ref other => format!("{name}: {other:?}"),
    }
}

/// `name: type` of each field of the struct whose size a kernel declares, as its file in `src/ops/` has it.
fn fields_in_rust(kernel: &Kernel) -> Vec<String> {
    let files = ["src/ops", "src/ops/linear_kernels"].map(|folder| fs::read_dir(folder).unwrap());
    let source = files
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .find(|source| source.contains(&format!("shaders/{}.wgsl", kernel.name)))
        .unwrap();
    let declaration = source
        .split(&format!("shaders/{}.wgsl", kernel.name))
        .nth(1)
        .unwrap();
    let name = between(declaration, "size_of::<", ">()");
    between(&source, &format!("struct {name} {{"), "}")
        .split(',')
        .map(|field| field.trim().to_owned())
        .filter(|field| !field.is_empty())
        .collect()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn every_variant_has_the_bindings_and_params_of_its_kernel() {
    for (composed, module, _) in parsed() {
        check(&module, composed.kernel())
            .unwrap_or_else(|error| panic!("{}: {error}", composed.name));
    }
}

#[test]
fn params_have_the_same_members_in_rust() {
    for kernel in KERNELS {
        let (module, _) = parse(kernel.wgsl, kernel.features).unwrap();
        let Params { members, size, .. } = params(&module).unwrap();
        let mut fields = vec!["first_workgroup: u32".to_owned()];
        fields.extend(fields_in_rust(kernel));
        assert_eq!(members, fields, "{}", kernel.name);
        assert_eq!(size, 4 * members.len(), "{}: padding", kernel.name);
    }
}

#[test]
fn every_variant_fills_the_bindings_and_params_of_its_kernel() {
    for composed in VARIANTS.iter() {
        check_variant(&composed.variant, composed.dispatched_params)
            .unwrap_or_else(|error| panic!("{}: {error}", composed.name));
    }
}

/// Whether a plan can bind what a variant says, and upload the `Params` of a dispatch.
fn check_variant(variant: &Variant, dispatched_params: usize) -> Result<(), String> {
    let kernel = variant.kernel;
    same(
        "dispatched Params",
        &dispatched_params,
        &kernel.uniform_size(),
    )?;
    let (_output, inputs) = kernel.bindings.split_last().unwrap();
    same("number of inputs", &variant.bindings.len(), &inputs.len())?;
    for (binding, access) in variant.bindings.iter().zip(inputs) {
        same("kind of binding", &fits(binding, *access), &true)?;
        if let Binding::Table { indices, .. } = binding {
            let names_rows =
                |other: &Binding| matches!(other, Binding::Indices(all) if all.contains(indices));
            let is_bound = variant.bindings.iter().any(names_rows);
            same("indices of a table that are bound", &is_bound, &true)?;
        }
    }
    Ok(())
}

fn fits(binding: &Binding, access: Access) -> bool {
    match binding {
        Binding::Operand(_) => [Access::Read, Access::Load].contains(&access),
        Binding::Small(_) => [Access::Read, Access::Load].contains(&access),
        Binding::Scales(_) => access == Access::Read,
        Binding::Table { .. } | Binding::Indices(_) => access == Access::Read,
        Binding::Together(_) => access == Access::Read,
        Binding::Matrix { .. } => [Access::Read, Access::LoadBits].contains(&access),
        Binding::Paired(_, of) => fits(of, access),
        _ => panic!("what fits this binding is not said here"),
    }
}

#[test]
fn a_variant_that_does_not_fit_its_kernel_is_found() {
    let right = &VARIANTS
        .iter()
        .find(|composed| composed.name.starts_with("softmax"))
        .unwrap();
    let error = |change: &dyn Fn(&mut Variant), params| {
        let mut variant = right.variant.clone();
        change(&mut variant);
        check_variant(&variant, params).unwrap_err()
    };
    let size = right.dispatched_params;
    assert!(error(&|_| (), size + 4).starts_with("dispatched Params"));
    assert!(error(&|variant| drop(variant.bindings.pop()), size).starts_with("number of inputs"));
    let texture = |variant: &mut Variant| {
        variant.kernel = Box::leak(Box::new(Kernel {
            bindings: &[Access::LoadBits, Access::ReadWrite],
            ..*variant.kernel
        }));
    };
    assert!(error(&texture, size).starts_with("kind of binding"));
    let no_indices = |variant: &mut Variant| {
        variant.bindings[0] = Binding::Table {
            table: 0,
            indices: 1,
            stored_as: WeightType::F32,
        };
    };
    assert!(error(&no_indices, size).starts_with("indices of a table"));
}

/// A shader that is right for [`KERNEL`].
const WGSL: &str = "
    struct Params { rows: u32, eps: f32 }
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @group(1) @binding(0) var<uniform> params: Params;
    @compute @workgroup_size(64) fn example() { y[params.rows] = x[0] + params.eps; }";

const KERNEL: Kernel = Kernel {
    name: "example",
    wgsl: WGSL,
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: 4,
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

#[test]
fn a_difference_between_shader_and_rust_is_found() {
    let checked = |from: &str, to: &str| {
        assert!(WGSL.contains(from), "{from}");
        let (module, _) = parse(&WGSL.replace(from, to), KERNEL.features).unwrap();
        check(&module, &KERNEL)
    };
    assert_eq!(checked("example", "example"), Ok(()));
    for (from, to, what) in [
        ("fn example", "fn other", "entry points"),
        ("read> x", "read_write> x", "bindings"),
        (
            "@binding(1) var<storage",
            "@binding(2) var<storage",
            "places of bindings",
        ),
        (
            "@group(0) @binding(1)",
            "@group(2) @binding(1)",
            "places of bindings",
        ),
        (
            "@group(1) @binding(0)",
            "@group(1) @binding(1)",
            "place of Params",
        ),
        ("eps: f32 }", "eps: f32, more: u32 }", "size of Params"),
        ("eps: f32 }", "@align(16) eps: f32 }", "size of Params"),
    ] {
        let error = checked(from, to).unwrap_err();
        assert!(error.starts_with(what), "{from} -> {to}: {error}");
    }
}

#[test]
fn texture_bindings_are_told_apart() {
    let access = |texture: &str| {
        let wgsl = format!(
            "@group(0) @binding(0) var t: {texture};
             @compute @workgroup_size(1) fn f() {{ _ = textureDimensions(t); }}"
        );
        tensor_bindings(&parse(&wgsl, wgpu::Features::empty()).unwrap().0).ok()
    };
    for (texture, expected) in [
        ("rgba32float, read", Some(Access::Load)),
        ("rgba32uint, read", Some(Access::LoadBits)),
        ("rgba32float, write", Some(Access::Store)),
        ("rgba32uint, write", None),
        ("rgba32sint, read", None),
    ] {
        let expected = expected.map(|access| vec![access]);
        assert_eq!(access(&format!("texture_storage_2d<{texture}>")), expected);
    }
    assert_eq!(access("texture_storage_2d_array<rgba32float, read>"), None);
    assert_eq!(access("texture_2d<f32>"), None);
}

#[test]
fn members_are_told_apart_by_name_type_and_order() {
    let (module, _) = parse(WGSL, KERNEL.features).unwrap();
    assert_eq!(params(&module).unwrap().members, ["rows: u32", "eps: f32"]);
}
