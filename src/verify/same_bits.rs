//! Whatever the size of a run, a row's bits are the same: each choice of an offer is run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Case;
use super::builder::Builder;
use super::cases;
use super::check::kinds_of_adapter;
use super::tolerance::Tolerance;
use super::values::Values;
use crate::gpu::{Capabilities, Gpu};
use crate::graph::{Graph, Request};
use crate::kernel::{Kernel, Offer, Storage, Variant};
use crate::ops::{Activation, Pooling, Qkv};
use crate::plan::{Plan, PlanOptions, Value, fuse, tested};
use crate::tensor::{Data, Dim, Sizes, WeightType};
use crate::tuning::that_run;

/// So many columns that a thousand rows fill an adapter with the largest tile.
const N: usize = 1536;
const K: usize = 36;

fn sizes(rows: usize) -> Sizes {
    Sizes {
        tokens: rows,
        sequences: rows,
        longest: 1,
    }
}

#[test]
fn a_row_has_the_same_bits_whatever_tile_its_batch_takes() {
    let mut case = Builder::rows(MOST_ROWS);
    let x = case.input("x", K, Values::Unit);
    let weight = case.parameter("weight", [N, K]);
    let bias = case.parameter("bias", [N]);
    case.graph.linear(x, weight, Some(bias)).unwrap();
    check(&case.finish(String::new(), Tolerance::dot(K)), 1);
}

#[test]
fn a_row_has_the_same_bits_where_it_is_gated() {
    let mut case = Builder::rows(MOST_ROWS);
    let x = case.input("x", K, Values::Unit);
    let [gate, weight] = ["gate", "weight"].map(|name| case.parameter(name, [N / 2, K]));
    let gate = case.graph.linear(x, gate, None).unwrap();
    let gate = case.graph.activation(gate, Activation::Gelu).unwrap();
    let y = case.graph.linear(x, weight, None).unwrap();
    case.graph.multiply(y, gate).unwrap();
    check(&case.finish(String::new(), Tolerance::dot(K)), 1);
}

#[test]
fn a_row_has_the_same_bits_where_it_is_turned() {
    const HEADS: usize = 8;
    let mut case = Builder::rows(MOST_ROWS);
    let x = case.input("x", K, Values::Unit);
    let [query, key, value] =
        ["query", "key", "value"].map(|name| case.parameter(name, [N / 3, K]));
    let weights = Qkv { query, key, value };
    let qkv = case.graph.qkv_linear(x, weights, None, HEADS).unwrap();
    let (positions, table) = (case.ids("positions", 9), case.parameter("table", [9, 40]));
    case.graph.rotary(qkv, positions, table).unwrap();
    check(&case.finish(String::new(), Tolerance::dot(K)), 3 * HEADS);
}

const MOST_ROWS: usize = 1000;

/// Runs of few and many rows on whatever is offered; `outer`: how many pieces of the result a row's bits are in.
fn check(case: &Case, outer: usize) {
    let gpu = Gpu::new().unwrap();
    let graph = fuse(&case.graph);
    assert_eq!(graph.nodes().len(), 1, "{graph}");
    for weight_type in WeightType::ALL {
        // Cooperative matrices have bits of their own.
        let mut bits = BTreeMap::<_, BTreeSet<_>>::new();
        for offer in offers(&gpu, &graph, weight_type) {
            let class = offer.largest().kernel.cooperative_matrix;
            let of_class = bits.entry(class).or_default();
            of_class.extend(bits_of(&gpu, case, &graph, weight_type, offer, outer));
        }
        for (class, bits) in bits {
            assert_eq!(bits.len(), 1, "{weight_type}, {class:?}");
        }
    }
}

/// The first row's bits, on each of an offer's variants.
fn bits_of(
    gpu: &Gpu,
    case: &Case,
    graph: &Graph,
    weight_type: WeightType,
    offer: Offer,
    outer: usize,
) -> BTreeSet<Vec<u32>> {
    let rows: Vec<usize> = offer.bounds().map(|most| most.min(MOST_ROWS)).collect();
    let places: BTreeSet<usize> = rows.iter().map(|rows| offer.place(&sizes(*rows))).collect();
    assert_eq!(places.len(), offer.variants().len(), "{offer:?}");
    let mut options = PlanOptions::new(sizes(MOST_ROWS));
    options.weight_type = weight_type;
    let weights = Arc::clone(&case.weights) as _;
    let plan = Plan::with_offers(gpu, graph.clone(), weights, &options, vec![offer]).unwrap();
    let bits = |rows: usize| {
        let first = |input| match input {
            Value::F32(x) => Value::F32(&x[..rows * K]),
            Value::U32(positions) => Value::U32(&positions[..rows]),
        };
        let values: Vec<Value<'_>> = case.values().into_iter().map(first).collect();
        let y = plan.run(&sizes(rows), &values).unwrap();
        let pieces = y.chunks(y.len() / outer);
        let row = pieces.flat_map(|piece| &piece[..piece.len() / rows]);
        row.map(|v| v.to_bits()).collect()
    };
    rows.into_iter().chain([5]).map(bits).collect()
}

#[test]
fn a_tile_that_adds_in_another_order_is_noticed() {
    let gpu = Gpu::new().unwrap();
    let mut case = Builder::rows(MOST_ROWS);
    let x = case.input("x", K, Values::Unit);
    let weight = case.parameter("weight", [N, K]);
    case.graph.linear(x, weight, None).unwrap();
    let case = case.finish(String::new(), Tolerance::dot(K));
    for offer in offers(&gpu, &case.graph, WeightType::F32) {
        let mut variants: Vec<(usize, Variant)> =
            offer.bounds().zip(offer.variants().cloned()).collect();
        let bits = |offer| bits_of(&gpu, &case, &case.graph, WeightType::F32, offer, 1).len();
        if offer.largest().kernel.name == "linear_texture" && variants.len() > 1 {
            assert_eq!(bits(offer), 1);
            let last = variants.len() - 1;
            variants[last].1.kernel = backwards(variants[last].1.kernel);
            assert_eq!(bits(Offer::by_rows(Dim::Tokens, variants)), 2);
        }
    }
}

/// `linear_texture` with the first row's products of four k added from the last to the first.
fn backwards(kernel: &Kernel) -> &'static Kernel {
    let forwards = "s0 = multiply(subgroupShuffle(a[0u / LANES], 0u % LANES), b0, b1, s0);";
    let backwards = "s0 = multiply(subgroupShuffle(a[0u / LANES], 0u % LANES).wzyx, mat4x4(b0[3], b0[2], b0[1], b0[0]), mat4x4(b1[3], b1[2], b1[1], b1[0]), s0);";
    let wgsl = kernel.wgsl.replace(forwards, backwards);
    assert_ne!(wgsl, kernel.wgsl);
    Box::leak(Box::new(Kernel {
        wgsl: Box::leak(wgsl.into_boxed_str()),
        ..*kernel
    }))
}

#[test]
fn a_row_has_the_same_bits_wherever_it_stands() {
    const ROWS: usize = 9; // of three workgroups, where a workgroup has four
    const COLS: usize = 68;
    let gpu = Gpu::new().unwrap();
    let layer_norm = cases::layer_norm(ROWS, COLS, Values::Unit, true).unwrap();
    let rms_norm = cases::rms_norm(ROWS, COLS, Values::Unit, true).unwrap();
    let softmax = cases::softmax(ROWS, COLS, Values::Unit).unwrap();
    let pool = cases::pool(&[1; ROWS], COLS, Pooling::Mean, true, Values::Unit).unwrap();
    let normalize = cases::normalize(ROWS, COLS, Values::Unit).unwrap();
    for case in [layer_norm, rms_norm, softmax, pool, normalize] {
        let graph = fuse(&case.graph);
        for offer in offers(&gpu, &graph, WeightType::F32) {
            let kernel = offer.largest().kernel.name;
            let options = PlanOptions::new(sizes(ROWS));
            let plan = Plan::with_offers(
                &gpu,
                graph.clone(),
                Arc::clone(&case.weights) as _,
                &options,
                vec![offer],
            )
            .unwrap();
            let bits: BTreeSet<Vec<u32>> = (0..ROWS)
                .map(|place| {
                    let inputs = case
                        .inputs
                        .iter()
                        .map(|input| last_becomes_first(input, COLS, place));
                    let inputs: Vec<Data> = inputs.collect();
                    let values: Vec<Value<'_>> = inputs.iter().map(Value::from).collect();
                    let y = plan.run(&sizes(place + 1), &values).unwrap();
                    y[place * COLS..].iter().map(|v| v.to_bits()).collect()
                })
                .collect();
            assert_eq!(bits.len(), 1, "{kernel}");
        }
    }
}

/// The rows up to the one at `place`, which is replaced by the first; of offsets, as many as that takes.
fn last_becomes_first(input: &Data, cols: usize, place: usize) -> Data {
    match input {
        Data::F32(x) => [&x[..place * cols], &x[..cols]].concat().into(),
        Data::U32(offsets) => offsets[..place + 2].to_vec().into(),
    }
}

/// What every kind of adapter is offered, on buffers and on textures, each once.
fn offers(gpu: &Gpu, graph: &Graph, weight_type: WeightType) -> Vec<Offer> {
    let of_kind = |adapter: Capabilities| {
        let request = Request::of(graph, &graph.nodes()[0], &adapter, weight_type);
        let offers = graph.nodes()[0].operation.offers(&request);
        let on = |storage| that_run(&offers, storage, &adapter);
        [Storage::Buffers, Storage::Textures].map(on).concat()
    };
    let offers = kinds_of_adapter(tested(gpu)).into_iter().flat_map(of_kind);
    let mut seen = BTreeSet::new();
    offers
        .filter(|offer| seen.insert(format!("{offer:?}")))
        .collect()
}
