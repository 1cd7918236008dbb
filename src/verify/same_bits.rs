//! Whatever the size of a run, a row's bits are the same: each choice of an offer is run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::builder::Builder;
use super::cases;
use super::check::kinds_of_adapter;
use super::tolerance::Tolerance;
use super::values::Values;
use crate::gpu::{Capabilities, Gpu};
use crate::graph::{Graph, Request};
use crate::kernel::{Offer, Storage};
use crate::ops::Pooling;
use crate::plan::{Plan, PlanOptions, Value, fuse, tested};
use crate::tensor::{Data, Sizes, WeightType};
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
    let rows = [5, 20, 50, 200, 1000];
    let gpu = Gpu::new().unwrap();
    let mut case = Builder::rows(1000);
    let x = case.input("x", K, Values::Unit);
    let weight = case.parameter("weight", [N, K]);
    let bias = case.parameter("bias", [N]);
    case.graph.linear(x, weight, Some(bias)).unwrap();
    let case = case.finish(String::new(), Tolerance::dot(K));
    let Data::F32(x) = &case.inputs[0] else {
        panic!("x is of floats")
    };

    let graph = fuse(&case.graph);
    for weight_type in WeightType::ALL {
        // Cooperative matrices have bits of their own.
        let mut bits = BTreeMap::<_, BTreeSet<_>>::new();
        for (adapter, offer) in offers(&gpu, &graph, weight_type) {
            if !adapter.is_software() {
                let places: BTreeSet<usize> = rows.map(|rows| offer.place(&sizes(rows))).into();
                assert_eq!(places.len(), offer.variants().len(), "{offer:?}");
            }
            let class = offer.largest().kernel.cooperative_matrix;
            let mut options = PlanOptions::new(sizes(1000));
            options.weight_type = weight_type;
            let plan = Plan::with_offers(
                &gpu,
                graph.clone(),
                Arc::clone(&case.weights) as _,
                &options,
                vec![offer],
            )
            .unwrap();
            for rows in rows {
                let y = plan
                    .run(&sizes(rows), &[Value::F32(&x[..rows * K])])
                    .unwrap();
                let of_class = bits.entry(class).or_default();
                of_class.insert(y[..N].iter().map(|v| v.to_bits()).collect::<Vec<_>>());
            }
        }
        for (class, bits) in bits {
            assert_eq!(bits.len(), 1, "{weight_type}, {class:?}");
        }
    }
}

#[test]
fn a_row_has_the_same_bits_wherever_it_stands() {
    const ROWS: usize = 9; // of three workgroups, where a workgroup has four
    const COLS: usize = 68;
    let gpu = Gpu::new().unwrap();
    let layer_norm = cases::layer_norm(ROWS, COLS, Values::Unit, true).unwrap();
    let softmax = cases::softmax(ROWS, COLS, Values::Unit).unwrap();
    let pool = cases::pool(&[1; ROWS], COLS, Pooling::Mean, true, Values::Unit).unwrap();
    let normalize = cases::normalize(ROWS, COLS, Values::Unit).unwrap();
    for case in [layer_norm, softmax, pool, normalize] {
        let graph = fuse(&case.graph);
        for (_, offer) in offers(&gpu, &graph, WeightType::F32) {
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

/// What every kind of adapter is offered on buffers.
fn offers(gpu: &Gpu, graph: &Graph, weight_type: WeightType) -> Vec<(Capabilities, Offer)> {
    let of_kind = |adapter: Capabilities| {
        let request = Request::of(graph, &graph.nodes()[0], &adapter, weight_type);
        let offers = graph.nodes()[0].operation.offers(&request);
        let offers = that_run(&offers, Storage::Buffers, &adapter);
        offers
            .into_iter()
            .map(move |offer| (adapter.clone(), offer))
    };
    kinds_of_adapter(tested(gpu))
        .into_iter()
        .flat_map(of_kind)
        .collect()
}
