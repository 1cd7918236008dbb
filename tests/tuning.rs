//! What `tune` measures, how it is kept, and that a plan takes it.

mod common;

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use wgformer::plan::{Plan, PlanOptions, Value};
use wgformer::tensor::{Dim, Sizes, Tensor, WeightType};
use wgformer::tuning::{Measurements, Selection};
use wgformer::{Error, Gpu, Graph, verify};

/// Without features activations are in buffers, for which there are several kernels everywhere.
fn plain_device() -> (Gpu, impl Sized) {
    let (gpu, turn) = common::gpu();
    let (features, limits) = (wgpu::Features::empty(), wgpu::Limits::default());
    (common::device(&gpu, features, limits), turn)
}

const K: usize = 8;
const N: usize = 12;

fn linear() -> (Graph, HashMap<String, Tensor>) {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(K)]);
    let weight = graph.parameter("weight", [N, K]);
    graph.linear(x, weight, None).unwrap();
    let values: Vec<f32> = (0..N * K).map(|i| (i % 7) as f32 - 3.0).collect();
    let weights = HashMap::from([("weight".to_owned(), Tensor::new([N, K], values))]);
    (graph, weights)
}

fn measured(gpu: &Gpu, graph: &Graph) -> Measurements {
    let tunables = verify::tunables(gpu, graph, WeightType::F32);
    assert_eq!(tunables.len(), 1, "{tunables:?}");
    let mut measurements = Measurements::new(gpu.capabilities());
    assert!(verify::tune(gpu, &tunables, &mut measurements, |_| true).unwrap());
    measurements
}

#[test]
fn every_operation_and_type_of_weights_has_its_turn_before_any_has_a_second() {
    let (gpu, _turn) = plain_device();
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(K)]);
    let first = graph.parameter("first", [N, K]);
    let second = graph.parameter("second", [K, N]);
    let x = graph.linear(x, first, None).unwrap();
    graph.linear(x, second, None).unwrap();
    let tunables: Vec<_> = [WeightType::F32, WeightType::F16]
        .into_iter()
        .flat_map(|weight_type| verify::tunables(&gpu, &graph, weight_type))
        .collect();
    let after = |most: usize| {
        let (mut measurements, mut asked) = (Measurements::new(gpu.capabilities()), 0);
        let is_complete = verify::tune(&gpu, &tunables, &mut measurements, |_| {
            asked += 1;
            asked <= most
        });
        assert!(!is_complete.unwrap());
        let classes = measurements.nodes().map(|(class, _)| class.to_owned());
        classes.collect::<Vec<_>>()
    };
    assert_eq!(after(0), [""; 0]);
    let [f16, f32] = after(2).try_into().unwrap();
    assert!(f16.starts_with("linear, f16") && f32.starts_with("linear, f32"));
    assert_eq!(after(4).len(), 4);
}

#[test]
fn a_plan_takes_what_was_measured() {
    let (gpu, _turn) = plain_device();
    let (graph, weights) = linear();
    let measurements = measured(&gpu, &graph);
    let (class, bounds) = measurements.nodes().next().unwrap();
    assert!(
        class.starts_with("linear, f32 weights: [tokens, 8]"),
        "{class}"
    );
    assert_eq!(bounds.last().unwrap().most_rows, None);

    let sizes = Sizes {
        tokens: 5,
        sequences: 5,
        longest: 1,
    };
    let x: Vec<f32> = (0..5 * K).map(|i| i as f32 * 0.25).collect();
    let (mut results, mut said) = (Vec::new(), Vec::new());
    let last = &bounds.last().unwrap().variant;
    let built_in = Selection::default();
    let selections = [
        built_in.clone(),
        built_in.clone().measured(measurements.clone()),
        built_in
            .clone()
            .named(["linear"])
            .measured(measurements.clone()),
        built_in.named(["gelu"]).measured(measurements.clone()), // another operation's
    ];
    for (place, selection) in selections.into_iter().enumerate() {
        let is_measured = matches!(place, 1 | 3);
        let mut options = PlanOptions::new(sizes);
        options = options.selection(selection);
        let plan = Plan::compile(&gpu, &graph, Arc::new(weights.clone()), &options).unwrap();
        if is_measured {
            assert!(
                plan.to_string().contains(&last[..]),
                "{last} is not in {plan}"
            );
        }
        said.push(plan.reasons().map(ToString::to_string).collect::<Vec<_>>());
        results.push(plan.run(&sizes, &[Value::F32(&x)]).unwrap());
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    let who = ["built in", "measured", "named", "measured"];
    for (reasons, who) in said.iter().zip(who) {
        assert!(reasons[0].starts_with(who), "{reasons:?}");
    }
    assert!(said[2][0].contains(", before linear_"), "{said:?}");
}

#[test]
fn a_file_that_says_nothing_of_this_adapter_is_told_from_one_that_does() {
    let (gpu, _turn) = plain_device();
    let measurements = measured(&gpu, &linear().0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("tuned.json");
    let read = || Measurements::read(&path, gpu.capabilities());
    assert_eq!(read().unwrap(), None, "there is no file yet");
    measurements.write(&path).unwrap();
    assert_eq!(read().unwrap(), Some(measurements));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

    let json = fs::read_to_string(&path).unwrap();
    let other_wgpu = json.replace("\"wgpu\": \"", "\"wgpu\": \"0");
    let other_kernels = json.replace("\"kernels\": \"", "\"kernels\": \"0");
    let half = &json[..json.len() / 2];
    let error_of = |json: &str| {
        fs::write(&path, json).unwrap();
        read().unwrap_err()
    };
    for damaged in ["", "{}", "[1, 2]", half] {
        let error = error_of(damaged);
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
    for outdated in [&other_wgpu, &other_kernels] {
        let error = error_of(outdated);
        assert!(matches!(error, Error::Outdated { .. }), "{error}");
    }
    let mut other = gpu.capabilities().clone();
    fs::write(&path, &json).unwrap();
    other.info.driver_info += " (newer)";
    let error = Measurements::read(&path, &other).unwrap_err();
    assert!(matches!(error, Error::Outdated { .. }), "{error}");

    // Other tiles than there are, or a variant that there is no more: the built-in choice is taken.
    let (graph, weights) = linear();
    let renamed = json.replace("\"variant\": \"", "\"variant\": \"former ");
    let of_others = json.replace("\"of\": \"", "\"of\": \"0");
    for (json, who) in [
        (&json, "measured"),
        (&renamed, "built in, though another choice was measured"),
        (&of_others, "built in, though another choice was measured"),
    ] {
        fs::write(&path, json).unwrap();
        let mut options = PlanOptions::new(Sizes {
            tokens: 4,
            sequences: 4,
            longest: 1,
        });
        options = options.selection(Selection::default().measured(read().unwrap().unwrap()));
        let plan = Plan::compile(&gpu, &graph, Arc::new(weights.clone()), &options).unwrap();
        let reason = plan.reasons().next().unwrap().to_string();
        assert!(reason.starts_with(who), "{reason}");
    }
}
