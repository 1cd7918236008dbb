//! Whatever the size of a run, a row's bits are the same: each choice of an offer is run.

use std::collections::BTreeSet;

use super::builder::Builder;
use super::check::kinds_of_adapter;
use super::tolerance::Tolerance;
use super::values::Values;
use crate::gpu::Gpu;
use crate::graph::Request;
use crate::plan::{Plan, PlanOptions, Value, fuse};
use crate::tensor::{Data, Sizes, WeightType};

/// So many columns that a few hundred rows fill an adapter with the largest tile.
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
    let rows = [5, 20, 50, 200, 400];
    let gpu = Gpu::new().unwrap();
    let mut case = Builder::rows(400);
    let x = case.input("x", K, Values::Unit);
    let weight = case.parameter("weight", [N, K]);
    let bias = case.parameter("bias", [N]);
    case.graph.linear(x, weight, Some(bias)).unwrap();
    let case = case.finish(String::new(), Tolerance::dot(K));
    let Data::F32(x) = &case.inputs[0] else {
        panic!("x is of floats")
    };

    for weight_type in WeightType::ALL {
        let mut bits = BTreeSet::new();
        for adapter in kinds_of_adapter(gpu.capabilities()) {
            let graph = fuse(&case.graph);
            let request = Request::of(&graph, &graph.nodes()[0], &adapter, weight_type);
            let offer = graph.nodes()[0].operation.offers(&request).remove(0);
            if !adapter.is_software() {
                let places: BTreeSet<usize> = rows.map(|rows| offer.place(&sizes(rows))).into();
                assert_eq!(places.len(), offer.variants().len(), "{offer:?}");
            }
            let mut options = PlanOptions::new(sizes(400));
            options.weight_type = weight_type;
            let plan =
                Plan::with_offers(&gpu, graph, &case.weights, &options, vec![offer]).unwrap();
            for rows in rows {
                let y = plan
                    .run(&sizes(rows), &[Value::F32(&x[..rows * K])])
                    .unwrap();
                bits.insert(y[..N].iter().map(|v| v.to_bits()).collect::<Vec<_>>());
            }
        }
        assert_eq!(bits.len(), 1, "{weight_type}");
    }
}
