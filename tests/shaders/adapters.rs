//! Kinds of adapters, as data: whatever operations look at when they offer their variants.

use wgformer::gpu::{Capabilities, Vendor};
use wgformer::graph::Request;
use wgformer::kernel::{Offer, Variant};
use wgformer::ops::Pooling;
use wgformer::tensor::WeightType;
use wgformer::verify::cases::{self, Epilogue};
use wgformer::verify::{Case, Values};
use wgpu::{AdapterInfo, Backend, DeviceType, Features, Limits};

/// Every optional feature that a kernel of this crate may come to declare.
const EVERY_FEATURE: Features = Features::SUBGROUP
    .union(Features::SUBGROUP_BARRIER)
    .union(Features::SHADER_F16)
    .union(Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

/// Name, kind, vendor, smallest and largest subgroup, features, and sizes of cooperative matrices.
type Adapter = (
    &'static str,
    DeviceType,
    u32,
    [u32; 2],
    Features,
    &'static [u32],
);

/// The limits are WebGPU's defaults, which suffice everywhere.
#[rustfmt::skip]
const ADAPTERS: [Adapter; 11] = [
    ("software, 4 lanes", DeviceType::Cpu, 0, [4, 4], EVERY_FEATURE, &[]),
    ("software, 8 lanes", DeviceType::Cpu, 0, [8, 8], EVERY_FEATURE, &[8]),
    ("software, 16 lanes", DeviceType::Cpu, 0, [16, 16], EVERY_FEATURE, &[]),
    ("NVIDIA", DeviceType::DiscreteGpu, 0x10de, [32, 32], EVERY_FEATURE, &[16]),
    ("AMD", DeviceType::DiscreteGpu, 0x1002, [32, 64], EVERY_FEATURE, &[16]),
    ("AMD before RDNA", DeviceType::DiscreteGpu, 0x1002, [64, 64], EVERY_FEATURE, &[]),
    ("Intel", DeviceType::IntegratedGpu, 0x8086, [8, 32], EVERY_FEATURE, &[]),
    ("Apple", DeviceType::IntegratedGpu, 0x10005, [32, 32], EVERY_FEATURE, &[8]),
    ("Apple, by Metal", DeviceType::IntegratedGpu, 0x106b, [4, 64], EVERY_FEATURE, &[8]),
    ("Qualcomm", DeviceType::IntegratedGpu, 0x5143, [64, 128], EVERY_FEATURE, &[]),
    ("no features", DeviceType::Other, 0, [4, 128], Features::empty(), &[]),
];

pub(crate) fn adapters() -> Vec<Capabilities> {
    ADAPTERS
        .iter()
        .map(
            |(name, kind, vendor, [smallest, largest], features, matrices)| {
                let info = AdapterInfo {
                    name: (*name).to_owned(),
                    vendor: *vendor,
                    subgroup_min_size: *smallest,
                    subgroup_max_size: *largest,
                    ..AdapterInfo::new(*kind, Backend::Noop)
                };
                let mut adapter = Capabilities::new(info, *features, Limits::default());
                adapter.cooperative_matrices = matrices.to_vec();
                adapter
            },
        )
        .collect()
}

/// How many other kernels come before those with cooperative matrices.
fn place(operation: &str, adapter: &Capabilities) -> usize {
    let are_first = match operation {
        "attention" => Vendor::of(adapter) == Vendor::Nvidia,
        _ => matches!(Vendor::of(adapter), Vendor::Amd | Vendor::Nvidia),
    };
    usize::from(!are_first)
}

/// The adapter's own sizes, the larger first, for f16 weights alone, the same for every number of rows: before all other kernels
/// where figures say so, else after the first.
#[test]
fn cooperative_matrices_are_offered_where_they_are_right() {
    let linear = cases::linear([33, 36, 40], Epilogue::default(), Values::Unit).unwrap();
    let attention = cases::attention(&[33], 2, 128, 1.0, Values::Unit).unwrap();
    for case in [linear, attention] {
        let node = &case.graph.nodes()[0];
        for mut adapter in adapters() {
            if adapter.info.vendor == 0x10de {
                adapter.cooperative_matrices = vec![8, 16];
            }
            for weight_type in WeightType::ALL {
                let request = Request::of(&case.graph, node, &adapter, weight_type);
                let mut expected = Vec::new();
                if weight_type == WeightType::F16 {
                    expected.clone_from(&adapter.cooperative_matrices);
                    expected.reverse();
                }
                let offers = node.operation.offers(&request);
                for (offer, size) in offers[place(case.operation, &adapter)..]
                    .iter()
                    .zip(&expected)
                {
                    for variant in offer.variants() {
                        assert_eq!(variant.kernel.cooperative_matrix, Some(*size), "{offer:?}");
                    }
                }
                let sizes = offers.iter().map(Offer::largest);
                let sizes = sizes.filter_map(|variant| variant.kernel.cooperative_matrix);
                assert_eq!(Vec::from_iter(sizes), expected, "{adapter}, {weight_type}");
            }
        }
    }
}

/// What an adapter can run of what layer norm offers it for rows of so many columns, in order.
fn of_layer_norm(adapter: &Capabilities, cols: usize) -> Vec<Variant> {
    let case = cases::layer_norm(1, cols, Values::Unit, false).unwrap();
    that_run(adapter, &case)
}

/// What an adapter can run of what a case's operation offers it, in order.
fn that_run(adapter: &Capabilities, case: &Case) -> Vec<Variant> {
    let node = &case.graph.nodes()[0];
    let request = Request::of(&case.graph, node, adapter, WeightType::F32);
    let offers = node.operation.offers(&request);
    let variants = offers.iter().flat_map(Offer::variants);
    let runs = |variant: &&Variant| adapter.obstacle(variant.kernel).is_none();
    variants.filter(runs).cloned().collect()
}

/// First on NVIDIA and Apple for rows of at most 1024 columns; elsewhere last, if subgroups have one size that the
/// kernels are made for, and for longer rows too until there would be more than twelve vectors to a lane.
#[test]
fn subgroups_are_offered_rows_where_that_is_right() {
    for adapter in adapters() {
        let name = &adapter.info.name[..];
        let place = |cols| {
            let variants = of_layer_norm(&adapter, cols);
            let is_it = |variant: &Variant| variant.kernel.name == "layer_norm_subgroup";
            let place = variants.iter().position(is_it);
            place.map(|place| (place == 0, place + 1 == variants.len()))
        };
        let (first, last) = (Some((true, false)), Some((false, true)));
        let expected = match name {
            "NVIDIA" | "Apple" => [first, first, last, None],
            "AMD before RDNA" => [last; 4],
            "software, 4 lanes" => [last, None, None, None],
            "software, 8 lanes" => [last, last, None, None],
            "software, 16 lanes" => [last, last, None, None],
            _ => [None; 4],
        };
        let sizes = [192, 384, 1536, 1540];
        assert_eq!(sizes.map(place), expected, "{name}");
        assert_eq!(place(1024) == first, expected[0] == first, "{name}");
        assert_ne!(place(1028), first, "{name}");
    }
}

/// Last, wherever subgroups have one size that the kernels are made for.
#[test]
fn a_subgroup_is_offered_sequences_to_pool_after_all_else() {
    for adapter in adapters() {
        let name = &adapter.info.name[..];
        let place_from_the_end = |cols| {
            let case = cases::pool(&[3], cols, Pooling::Mean, true, Values::Unit).unwrap();
            let variants = that_run(&adapter, &case);
            let mut from_the_end = variants.iter().rev();
            from_the_end.position(|variant| variant.kernel.name == "pool_subgroup")
        };
        let expected = match name {
            "NVIDIA" | "Apple" | "AMD before RDNA" => [Some(0), Some(0), None],
            "software, 4 lanes" => [Some(0), None, None],
            "software, 8 lanes" | "software, 16 lanes" => [Some(0), Some(0), None],
            _ => [None; 3],
        };
        assert_eq!([192, 384, 386].map(place_from_the_end), expected, "{name}");
    }
}

/// Where subgroups have one size that the kernel is made for, after what costs less, and before one output a lane.
#[test]
fn a_subgroup_is_offered_tiles_where_it_has_one_size() {
    let case = cases::linear([33, 36, 40], Epilogue::default(), Values::Unit).unwrap();
    let place_from_the_end = |adapter: &Capabilities| {
        let variants = that_run(adapter, &case);
        let mut from_the_end = variants.iter().rev();
        from_the_end.position(|variant| variant.kernel.name == "linear_subgroup")
    };
    let mut wide = adapters().swap_remove(0);
    wide.info.subgroup_min_size = 32;
    wide.info.subgroup_max_size = 32;
    assert_eq!(place_from_the_end(&wide), None, "{wide}: computes wrongly");
    for adapter in adapters() {
        let expected = match &adapter.info.name[..] {
            "AMD" | "Intel" | "Apple, by Metal" | "Qualcomm" | "no features" => None,
            _ => Some(1),
        };
        assert_eq!(place_from_the_end(&adapter), expected, "{adapter}");
    }
}

/// By how much it costs there; another one where the device has not enough workgroup memory; and 128 x 64 to every GPU,
/// first or later.
#[test]
fn the_largest_tile_is_the_vendors() {
    let case = cases::linear([33, 36, 40], Epilogue::default(), Values::Unit).unwrap();
    let node = &case.graph.nodes()[0];
    for mut adapter in adapters() {
        if adapter.is_software() {
            continue;
        }
        adapter.cooperative_matrices.clear();
        let mut tiles = |limits: Limits| {
            adapter.limits = limits;
            WeightType::ALL.map(|weight_type| {
                let request = Request::of(&case.graph, node, &adapter, weight_type);
                let offers = node.operation.offers(&request);
                let mut variants = offers.iter().flat_map(Offer::variants);
                assert!(variants.any(|it| it.to_string() == "linear_tile 128x64"));
                offers[0].largest().to_string()
            })
        };
        let (huge, large, middle) = ("128x128", "128x64", "64x64");
        let (most, least) = (
            tiles(Limits::default()),
            tiles(Limits::downlevel_defaults()),
        );
        let [expected, at_the_lowest_limits] = match &adapter.info.name[..] {
            "Intel" => [[huge, huge, middle], [middle, large, middle]],
            "Qualcomm" => [[middle, huge, middle], [middle; 3]],
            "NVIDIA" | "Apple" | "Apple, by Metal" => [[large, large, middle]; 2],
            _ => [[large; 3]; 2],
        };
        let named = |tiles: [&str; 3]| tiles.map(|tile| format!("linear_tile {tile}"));
        assert_eq!(most, named(expected), "{adapter}");
        assert_eq!(least, named(at_the_lowest_limits), "{adapter}");
    }
}

/// Each kernel and tile for up to so many rows: on chips whose figures say so a column a lane or tiles of 32 x 32 rather
/// than `linear_small`, and of tiles none of which more than half is past the last row.
///
/// The bounds are read off the tables below "Few rows" in docs/performance.md, which `scripts/compilers.py tables` makes of
/// what the vendors' compilers made of these kernels: whoever changes a kernel makes them again and reads them again.
#[test]
fn few_rows_run_on_what_costs_the_vendor_least() {
    let run = |adapter: &Capabilities, weight_type, n| {
        let case = cases::linear([33, n, 384], Epilogue::default(), Values::Unit).unwrap();
        let request = Request::of(&case.graph, &case.graph.nodes()[0], adapter, weight_type);
        let offer = case.graph.nodes()[0].operation.offers(&request).remove(0);
        let mut names = Vec::new();
        for (variant, most) in offer.variants().zip(offer.bounds()) {
            names.push(match most {
                usize::MAX => variant.to_string(),
                _ => format!("{most} {variant}"),
            });
        }
        names
    };
    let small = |one_row: usize, most: usize| {
        let one_row = format!("{one_row} linear_small 4x64");
        vec![one_row, format!("{most} linear_small 8x64")]
    };
    let column = |most: usize| format!("{most} linear_column 8x64");
    for mut adapter in adapters() {
        if adapter.is_software() {
            continue;
        }
        adapter.cooperative_matrices.clear();
        let [f32, f16, i8] = match &adapter.info.name[..] {
            "AMD" | "AMD before RDNA" => [small(8, 32), small(16, 32), vec![column(32)]],
            "Qualcomm" => {
                let one_row = "4 linear_small 4x64".to_owned();
                [small(8, 32), small(8, 16), vec![one_row, column(16)]]
            }
            "NVIDIA" => [16; 3].map(|most| small(8, most)),
            "Intel" => [32, 16, 16].map(|most| small(1, most)),
            "Apple" | "Apple, by Metal" => [32, 32, 16].map(|most| small(8, most)),
            _ => [32; 3].map(|most| small(8, most)),
        };
        for (weight_type, expected) in WeightType::ALL.into_iter().zip([f32, f16, i8]) {
            let few = &run(&adapter, weight_type, 384)[..expected.len()];
            assert_eq!(few, expected, "{adapter}, {weight_type}");
        }
    }
    let nvidia = adapters().swap_remove(3);
    let tiles = [
        "32 linear_tile 32x32",
        "64 linear_tile 64x64",
        "linear_tile 128x64",
    ];
    assert_eq!(run(&nvidia, WeightType::F32, 16384)[2..], tiles);
    let tiles = ["448 linear_tile 32x32", "1920 linear_tile 64x64"];
    assert_eq!(run(&nvidia, WeightType::F32, 384)[2..4], tiles);
}

/// The one that leaves room for enough threads on Apple's chips first there and where nobody has figures, if they have the
/// memory for it; elsewhere second.
#[test]
fn wide_heads_of_disentangled_attention_have_tiles_of_two_kinds() {
    let tiles = |adapter: &Capabilities, head_dim| {
        let shape = (2, head_dim);
        let case = cases::disentangled_attention(&[33], shape, 3, 1.0, Values::Unit).unwrap();
        let mut variants = that_run(adapter, &case);
        variants.retain(|variant| variant.kernel.name == "disentangled_attention");
        Vec::from_iter(variants.iter().map(|variant| variant.tile))
    };
    for mut adapter in adapters() {
        let is_narrow =
            ["Apple", "Apple, by Metal", "no features"].contains(&&adapter.info.name[..]);
        let both = |usual: [usize; 2], narrow: [usize; 2]| {
            let tiles = if is_narrow {
                [narrow, usual]
            } else {
                [usual, narrow]
            };
            tiles.map(Some).to_vec()
        };
        assert_eq!(tiles(&adapter, 64), [None], "{adapter}");
        assert_eq!(tiles(&adapter, 96), both([32, 64], [16, 128]), "{adapter}");
        assert_eq!(tiles(&adapter, 160), both([16, 128], [8, 256]), "{adapter}");
        adapter.limits = Limits::downlevel_defaults();
        assert_eq!(tiles(&adapter, 160), [None], "{adapter}");
    }
}

/// Kernels that keep a row in vectors compare the place of a lane's last one alone with the row's end.
#[test]
fn only_a_lanes_last_vector_may_lie_past_its_row() {
    for adapter in adapters() {
        for cols in (4..800).step_by(4).chain([1024, 1028, 1536, 4096, 8192]) {
            for variant in of_layer_norm(&adapter, cols) {
                let constant = |wanted: &str| {
                    let mut constants = variant.constants.iter();
                    let found = constants.find(|(name, _)| *name == wanted);
                    found.map(|(_, value)| *value as usize)
                };
                if let Some(vectors) = constant("VECTORS_PER_LANE") {
                    let lanes = constant("LANES").or(constant("WORKGROUP_SIZE")).unwrap();
                    assert!(lanes * vectors >= cols / 4, "{variant:?} for {cols}");
                    assert!(lanes * (vectors - 1) < cols / 4, "{variant:?} for {cols}");
                }
            }
        }
    }
}

/// As many subgroups as a kernel has blocks for them: more would compute what nobody reads.
#[test]
fn workgroups_with_cooperative_matrices_have_a_subgroup_for_each_block() {
    let attention = cases::attention(&[33], 2, 32, 1.0, Values::Unit).unwrap();
    of_cooperative_matrices(&attention, &[4]);
    let linear = cases::linear([33, 36, 40], Epilogue::default(), Values::Unit).unwrap();
    of_cooperative_matrices(&linear, &[2, 4]); // a tile of 16 rows, one of 64
}

/// `subgroups`: of a workgroup of each of an offer's variants.
fn of_cooperative_matrices(case: &Case, subgroups: &[u32]) {
    let node = &case.graph.nodes()[0];
    for adapter in adapters() {
        let request = Request::of(&case.graph, node, &adapter, WeightType::F16);
        let offers = node.operation.offers(&request);
        let is_cooperative = |offer: &&Offer| offer.largest().kernel.cooperative_matrix.is_some();
        let size = |variant: &Variant| {
            let mut constants = variant.constants.iter();
            let size = constants.find(|(name, _)| *name == "WORKGROUP_SIZE");
            size.expect("it has one").1
        };
        let sizes = offers
            .iter()
            .find(is_cooperative)
            .map(|offer| offer.variants().map(size));
        let lanes = match &adapter.info.name[..] {
            "software, 8 lanes" => Some(8),
            "NVIDIA" | "Apple" | "Apple, by Metal" => Some(32),
            "AMD" => Some(64),
            _ => None,
        };
        let expected = lanes.map(|lanes| {
            subgroups
                .iter()
                .map(|subgroups| subgroups * lanes)
                .collect()
        });
        let sizes: Option<Vec<u32>> = sizes.map(Iterator::collect);
        assert_eq!(sizes, expected, "{}", adapter.info.name);
    }
}

/// Registers end there.
#[test]
fn no_head_of_too_many_registers_is_offered_cooperative_matrices() {
    for head_dim in [81, 98, 127, 129] {
        let case = cases::attention(&[33], 2, head_dim, 1.0, Values::Unit).unwrap();
        let node = &case.graph.nodes()[0];
        for adapter in adapters() {
            let request = Request::of(&case.graph, node, &adapter, WeightType::F16);
            let offers = node.operation.offers(&request);
            let mut variants = offers.iter().flat_map(Offer::variants);
            let has_none = |it: &Variant| it.kernel.cooperative_matrix.is_none();
            assert!(variants.all(has_none), "{head_dim}");
        }
    }
}
