//! Every variant that any operation offers for any case of the table, weight type and kind of adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use wgformer::gpu::Capabilities;
use wgformer::graph::{Graph, Request};
use wgformer::kernel::{Kernel, Offer, Variant};
use wgformer::ops::KERNELS;
use wgformer::plan::fuse;
use wgformer::tensor::{Sizes, WeightType};
use wgformer::verify::cases::{self, Distances};
use wgformer::verify::{Case, Values};
use wgpu::Limits;

use crate::adapters::adapters;

/// A shader as a driver gets it.
pub(crate) struct Composed {
    /// The kernel and its constants, unique.
    pub(crate) name: String,
    pub(crate) variant: Variant,
    pub(crate) wgsl: String,
    /// Of the least device that it is offered to.
    pub(crate) limits: Limits,
    /// The size of the `Params` that a dispatch carries.
    pub(crate) dispatched_params: usize,
}

impl Composed {
    pub(crate) fn kernel(&self) -> &'static Kernel {
        self.variant.kernel
    }

    /// Where its text and its translations are, for other tools to look at.
    pub(crate) fn file(&self, extension: &str) -> PathBuf {
        directory().join(format!("{}.{extension}", self.name))
    }
}

/// All of them, already written to `target/variants/NAME.wgsl`, beside a list of what each kind of GPU takes.
pub(crate) static VARIANTS: LazyLock<Vec<Composed>> = LazyLock::new(|| {
    let variants = collect();
    write(&variants);
    fs::write(directory().join("taken.tsv"), lines(&taken())).unwrap();
    variants
});

fn collect() -> Vec<Composed> {
    let mut variants = BTreeMap::new();
    // Those with the least first, so that a variant's limits are the least.
    let adapters = Vec::from_iter(
        [Limits::downlevel_defaults(), Limits::default()]
            .into_iter()
            .flat_map(adapters_with),
    );
    for (graph, sizes) in graphs() {
        for adapter in &adapters {
            for weight_type in WeightType::ALL {
                for variant in offered(&graph, adapter, weight_type) {
                    variants
                        .entry(name(&variant))
                        .or_insert_with_key(|name| compose(name, variant, &adapter.limits, &sizes));
                }
            }
        }
    }
    variants.into_values().collect()
}

fn adapters_with(limits: Limits) -> impl Iterator<Item = Capabilities> {
    adapters().into_iter().map(move |mut adapter| {
        adapter.limits = limits.clone();
        adapter
    })
}

fn graphs() -> impl Iterator<Item = (Graph, Sizes)> {
    let cases = cases::all().into_iter().map(|recipe| recipe().unwrap());
    cases
        .chain(attention_of_every_kind())
        .map(|case| (fuse(&case.graph), case.sizes))
}

/// Heads of models' sizes, whose tiles are not all alike, with all that takes registers: more than what is run, since a
/// compiler has to make something of each.
fn attention_of_every_kind() -> impl Iterator<Item = Case> {
    let of_head = |head_dim| {
        (0..16).map(move |kind| {
            let distances = Distances {
                window: (kind & 1 > 0).then_some(64),
                reach: (kind & 2 > 0).then_some(128),
                expanded: kind & 4 > 0,
                causal: kind & 8 > 0,
            };
            cases::attention_with(&[33, 40], 2, head_dim, 1.0, Values::Unit, distances).unwrap()
        })
    };
    [3, 32, 64, 80, 96, 128, 256].into_iter().flat_map(of_head)
}

fn compose(name: &str, variant: Variant, limits: &Limits, sizes: &Sizes) -> Composed {
    let wgsl = variant.kernel.compose(&variant.constants).unwrap();
    Composed {
        name: name.to_owned(),
        wgsl: wgsl.into_owned(),
        limits: limits.clone(),
        dispatched_params: (variant.dispatch)(sizes).params.len(),
        variant,
    }
}

/// What the operation under test, the graph's last, offers; a plan leaves out what the adapter cannot run.
fn offered(graph: &Graph, adapter: &Capabilities, weight_type: WeightType) -> Vec<Variant> {
    let node = graph.nodes().last().unwrap();
    let request = Request::of(graph, node, adapter, weight_type);
    let offers = node.operation.offers(&request);
    let variants = offers.iter().flat_map(Offer::variants);
    variants
        .filter(|variant| adapter.obstacle(variant.kernel).is_none())
        .cloned()
        .collect()
}

/// What each kind of GPU takes without measuring, by the names of the adapter and of the variant. At the default limits:
/// no GPU has less.
fn taken() -> BTreeSet<(String, String)> {
    let gpus = Vec::from_iter(adapters().into_iter().filter(|it| !it.is_software()));
    let mut taken = BTreeSet::new();
    for (graph, _) in graphs() {
        for adapter in &gpus {
            for weight_type in WeightType::ALL {
                let variants = first_offers(&graph, adapter, weight_type);
                let names = variants.iter().map(name);
                taken.extend(names.map(|name| (adapter.info.name.clone(), name)));
            }
        }
    }
    taken
}

/// The variants of the first offer that the adapter can run, and of the first without cooperative matrices, whose
/// self-test may fail.
fn first_offers(graph: &Graph, adapter: &Capabilities, weight_type: WeightType) -> Vec<Variant> {
    let mut without_matrices = adapter.clone();
    without_matrices.cooperative_matrices.clear();
    let first = |adapter: &Capabilities| {
        let node = graph.nodes().last().unwrap();
        let request = Request::of(graph, node, adapter, weight_type);
        let offers = node.operation.offers(&request);
        let runs = |variant: &Variant| adapter.obstacle(variant.kernel).is_none();
        let first = offers.iter().find_map(|offer| offer.filtered(runs));
        Vec::from_iter(first.unwrap().variants().cloned())
    };
    [first(adapter), first(&without_matrices)].concat()
}

fn lines(pairs: &BTreeSet<(String, String)>) -> String {
    let line = |(adapter, variant): &(String, String)| format!("{adapter}\t{variant}\n");
    pairs.iter().map(line).collect()
}

/// Such as `softmax-workgroup_size64`; constants stand in the kernel's order.
fn name(variant: &Variant) -> String {
    let mut name = variant.kernel.name.to_owned();
    for constant in variant.kernel.constants {
        for (_, value) in variant.constants.iter().filter(|(set, _)| set == constant) {
            name += &format!("-{}{value}", constant.to_lowercase());
        }
    }
    name
}

fn directory() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("variants")
}

fn write(variants: &[Composed]) {
    if directory().exists() {
        fs::remove_dir_all(directory()).unwrap(); // so that nothing stale is left
    }
    fs::create_dir_all(directory()).unwrap();
    for variant in variants {
        fs::write(variant.file("wgsl"), &variant.wgsl).unwrap();
    }
}

/// The values that a kernel's constant takes, over all variants.
fn values(kernel: &Kernel, constant: &str) -> BTreeSet<u32> {
    VARIANTS
        .iter()
        .filter(|composed| composed.kernel().name == kernel.name)
        .flat_map(|composed| &composed.variant.constants)
        .filter(|(name, _)| *name == constant)
        .map(|(_, value)| *value)
        .collect()
}

#[test]
fn every_shader_file_is_a_kernel_of_its_name() {
    let mut files: Vec<String> = fs::read_dir("shaders")
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
        let file = fs::read_to_string(format!("shaders/{}.wgsl", kernel.name)).unwrap();
        assert_eq!(file, kernel.wgsl, "{}", kernel.name);
    }
}

/// Each shader stands alone, so what several have in common is written in each, and held to be the same here.
#[test]
fn what_shaders_have_in_common_is_the_same_text() {
    let text = |name: &str| fs::read_to_string(format!("shaders/{name}.wgsl")).unwrap();
    for name in ["linear_cooperative", "attention_cooperative"] {
        let of_size = |size: &str| {
            let (matrix, kernel) = (format!("mat{size}x{size}"), format!("{name}_{size}"));
            text(&kernel)
                .replace(&matrix, "matrix")
                .replace(&kernel, name)
                .replace(&format!("{size} x {size}"), "square")
                .replace(&format!("MATRIX: u32 = {size}u"), "MATRIX")
                .lines()
                .filter(|line| !line.ends_with("is the same text but for the sizes."))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(of_size("8"), of_size("16"));
    }

    let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kernel in KERNELS {
        for (signature, text) in functions(kernel.wgsl) {
            texts.entry(signature).or_default().insert(text);
        }
    }
    texts.retain(|_, texts| texts.len() > 1);
    let several: Vec<&str> = texts.keys().filter_map(|it| it.split('(').next()).collect();
    // Tiles of other shapes, a workgroup of another kind, and a sum without scale.
    assert_eq!(several, ["load", "reduce_sum", "store"]);
}

/// A shader's functions, signature and text, without its entry point, whose line begins with an attribute.
fn functions(wgsl: &str) -> impl Iterator<Item = (&str, &str)> {
    let starts = wgsl.split("\nfn ").skip(1);
    starts.filter_map(|function| {
        let (text, _) = function.split_once("\n}\n")?;
        let (signature, body) = text.split_once('\n')?;
        (!signature.ends_with('(')).then_some((signature, body))
    })
}

#[test]
fn what_gpus_take_is_listed() {
    LazyLock::force(&VARIANTS);
    let list = fs::read_to_string(directory().join("taken.tsv")).unwrap();
    let pairs = list.lines().map(|line| line.split_once('\t').unwrap());
    let taken: BTreeSet<(&str, &str)> = pairs
        .map(|(adapter, variant)| (adapter, variant.split('-').next().unwrap()))
        .collect();
    for (adapter, kernel, expected) in [
        ("NVIDIA", "attention_cooperative_16", true),
        ("AMD", "attention_cooperative_16", false),
        ("AMD", "linear_cooperative_16", true),
        ("AMD", "linear_column", true),
        ("Intel", "linear_column", false),
        ("Apple", "layer_norm_subgroup", true),
        ("Apple, by Metal", "layer_norm_subgroup", false),
        ("Qualcomm", "linear_subgroup", false),
        ("no features", "linear_tile", true),
        ("software, 8 lanes", "attention", false),
    ] {
        assert_eq!(
            taken.contains(&(adapter, kernel)),
            expected,
            "{adapter}: {kernel}"
        );
    }
    // Where matrices fail their self-test.
    let of_f16 = |line: &&str| line.starts_with("NVIDIA\tlinear_tile") && line.ends_with("bits16");
    assert!(list.lines().any(|line| of_f16(&line)));
    let files = list.lines().map(|line| line.split_once('\t').unwrap().1);
    for name in files {
        assert!(directory().join(format!("{name}.wgsl")).exists(), "{name}");
    }
}

#[test]
fn every_kernel_has_a_variant() {
    let offered: BTreeSet<&str> = VARIANTS
        .iter()
        .map(|composed| composed.kernel().name)
        .collect();
    let all: BTreeSet<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
    assert_eq!(offered, all);
}

#[test]
fn every_variant_sets_every_constant_of_its_kernel() {
    for composed in VARIANTS.iter() {
        let mut set: Vec<&str> = composed
            .variant
            .constants
            .iter()
            .map(|(name, _)| *name)
            .collect();
        let mut declared = composed.kernel().constants.to_vec();
        set.sort_unstable();
        declared.sort_unstable();
        assert_eq!(set, declared, "{}", composed.name);
    }
}

/// A constant that chooses between pieces of code: each of them is checked.
#[test]
fn every_switch_is_turned_every_way() {
    let sizes = [
        "HEAD_DIM",
        "QUERY_TILE",
        "KEY_TILE",
        "LANES",
        "ROWS",
        "WORKGROUP_SIZE",
        "COLUMNS_PER_LANE",
        "VECTORS_PER_LANE",
        "ROW_VECTORS",
        "COLUMN_VECTORS",
        "LANES_DOWN",
        "LANES_ACROSS",
        "TILE_K",
        "TILE_ROWS",
    ];
    let switches: &[(&str, &[u32])] = &[
        ("WEIGHT_BITS", &[8, 16, 32]),
        ("BIAS", &[0, 1]),
        ("WINDOW", &[0, 1]),
        ("EXPANDED", &[0, 1]),
        ("CAUSAL", &[0, 1]),
        ("NORM", &[0, 1]),
        ("ACTIVATION", &[0, 1, 2, 3, 4, 5]),
        ("RESIDUAL", &[0, 1]),
        ("RMS", &[0, 1]),
        ("OTHER", &[0, 1, 2]),
        ("PAIRS", &[0, 1, 2]),
        ("KIND", &[1, 2, 3, 4, 5]),
        ("NORMALIZE", &[0, 1]),
        ("MODE", &[0, 1, 2, 3, 4, 5]),
        ("TOGETHER", &[0, 1]),
        ("SHUFFLES", &[0, 1]),
        ("UNROLL", &[1, 8]),
        ("TAIL", &[0, 1]),
    ];
    for kernel in KERNELS {
        for &(constant, ways) in switches {
            if kernel.constants.contains(&constant) {
                let values = Vec::from_iter(values(kernel, constant));
                let is_table = constant == "WEIGHT_BITS" && kernel.name.starts_with("embedding");
                let ways = if is_table { &[16, 32] } else { ways };
                assert_eq!(values, ways, "{constant} of {}", kernel.name);
            }
        }
        let known = |constant: &&str| {
            sizes.contains(constant) || switches.iter().any(|(switch, _)| switch == constant)
        };
        assert!(
            kernel.constants.iter().all(known),
            "{:?} of {}",
            kernel.constants,
            kernel.name
        );
    }
}
