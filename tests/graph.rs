//! A graph of a caller's own: it is checked as it is built, and a plan refuses what its kernels could not index.

mod common;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use wgformer::kernel::Storage;
use wgformer::ops::{Activation, AttentionOptions, Pooling, Qkv};
use wgformer::plan::{Plan, PlanOptions, Value, interpret};
use wgformer::tensor::{Dim, Sizes, Tensor};
use wgformer::verify::Random;
use wgformer::{Error, Graph};

fn capacity(tokens: usize) -> Sizes {
    Sizes {
        tokens,
        sequences: 1,
        longest: tokens,
    }
}

/// A small network of public operations, and the same by hand.
#[test]
fn a_custom_graph_runs() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    let (weight, bias) = (
        graph.parameter("weight", [3, 2]),
        graph.parameter("bias", [3]),
    );
    let y = graph.linear(x, weight, Some(bias)).unwrap();
    graph.softmax(y).unwrap();
    let weights = HashMap::from([
        (
            "weight".to_owned(),
            Tensor::new([3, 2], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
        ),
        ("bias".to_owned(), Tensor::new([3], vec![0.0, 0.0, -3.0])),
    ]);
    let plan = Plan::compile(
        &gpu,
        &graph,
        Arc::new(weights.clone()),
        &PlanOptions::new(capacity(4)),
    )
    .unwrap();
    let result = plan.run(&capacity(1), &[Value::F32(&[1.0, 2.0])]).unwrap();
    let exponentials = [1.0_f32, 2.0, 0.0].map(f32::exp);
    let sum: f32 = exponentials.iter().sum();
    for (found, expected) in result.iter().zip(exponentials.map(|value| value / sum)) {
        assert!((found - expected).abs() < 1e-6, "{result:?}");
    }
    assert_eq!(result.len(), 3);
}

/// A linear layer whose every output is the sum of four inputs.
fn sums_of_four() -> (Graph, HashMap<String, Tensor>) {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
    let weight = graph.parameter("weight", [4, 4]);
    graph.linear(x, weight, None).unwrap();
    let weight = Tensor::new([4, 4], vec![1.0; 16]);
    (graph, HashMap::from([("weight".to_owned(), weight)]))
}

#[test]
fn a_plan_is_compiled_without_blocking() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let (gpu, _turn) = common::gpu();
    let (graph, weights) = sums_of_four();
    let options = PlanOptions::new(capacity(4));
    let compile = |weights| {
        is_send(Plan::compile_async(
            &gpu,
            &graph,
            Arc::new(weights),
            &options,
        ))
    };

    let mut plan = pin!(compile(weights));
    let first = plan.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "the thread that asked compiled it");
    let plan = pollster::block_on(plan).unwrap();
    let result = plan.run(&capacity(1), &[Value::F32(&[1.0, 2.0, 3.0, 4.0])]);
    assert_eq!(result.unwrap(), [10.0; 4]);

    let error = pollster::block_on(compile(HashMap::new())).unwrap_err();
    assert!(matches!(error, Error::TensorMissing { .. }), "{error}");
}

#[test]
fn a_device_of_too_low_limits_is_refused_in_words_of_our_own() {
    type Lower = fn(&mut wgpu::Limits);
    let (gpu, _turn) = common::gpu();
    let low: [(&str, Lower); 5] = [
        (
            "256 max_compute_invocations_per_workgroup, of which 32",
            |it| {
                it.max_compute_invocations_per_workgroup = 32;
            },
        ),
        ("256 max_compute_workgroup_size_x, of which 64", |it| {
            it.max_compute_workgroup_size_x = 64;
        }),
        (
            "16352 max_compute_workgroup_storage_size, of which 1024",
            |it| {
                it.max_compute_workgroup_storage_size = 1024;
            },
        ),
        (
            "65535 max_compute_workgroups_per_dimension, of which 1",
            |it| {
                it.max_compute_workgroups_per_dimension = 1;
            },
        ),
        ("256 max_uniform_buffer_binding_size, of which 128", |it| {
            it.max_uniform_buffer_binding_size = 128;
        }),
    ];
    let (graph, weights) = sums_of_four();
    let options = PlanOptions::new(capacity(4));
    for (words, lower) in low {
        let mut limits = gpu.capabilities().limits.clone();
        lower(&mut limits);
        let gpu = common::device(&gpu, gpu.capabilities().features, limits);
        let compiled = Plan::compile(&gpu, &graph, Arc::new(weights.clone()), &options);
        let needed = Plan::memory_needed(&gpu, &graph, &options);
        for error in [compiled.unwrap_err(), needed.unwrap_err()] {
            assert!(matches!(error, Error::Limit { .. }), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

/// Kernels on textures are left out where they would bind too many.
#[test]
fn a_device_of_few_storage_textures_runs_a_graph_on_buffers() {
    let (gpu, _turn) = common::gpu();
    let mut limits = gpu.capabilities().limits.clone();
    limits.max_storage_textures_per_shader_stage = 1;
    let gpu = common::device(&gpu, gpu.capabilities().features, limits);
    let (graph, weights) = sums_of_four();
    let plan = Plan::compile(
        &gpu,
        &graph,
        Arc::new(weights),
        &PlanOptions::new(capacity(1)),
    );
    let values = [Value::F32(&[1.0, 2.0, 3.0, 4.0])];
    assert_eq!(plan.unwrap().run(&capacity(1), &values).unwrap(), [10.0; 4]);
}

/// A driver that still compiles when the process ends has crashed it.
#[test]
fn nothing_is_under_way_once_a_plan_is_compiled_or_refused() {
    let (gpu, _turn) = common::gpu();
    let limits = gpu.capabilities().limits.clone();
    for is_refused in [false, true] {
        // A device that has compiled nothing yet.
        let gpu = common::device(&gpu, gpu.capabilities().features, limits.clone());
        let (graph, mut weights) = sums_of_four();
        if is_refused {
            weights.clear();
        }
        let options = PlanOptions::new(capacity(4));
        let plan = Plan::compile(&gpu, &graph, Arc::new(weights), &options);
        assert_eq!(plan.is_err(), is_refused);
        let status = gpu.device().poll(wgpu::PollType::Poll).unwrap();
        assert!(status.is_queue_empty(), "refused: {is_refused}");
    }
}

/// `x = x + attention(norm(x)); x = x + feed_forward(norm(x))`: what follows a product is done in its kernel.
#[test]
fn a_pre_norm_layer_takes_seven_dispatches() {
    let (hidden, heads, intermediate) = (8, 2, 16);
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(hidden)]);
    let segments = graph.segment_offsets();
    let mut count = 0;
    let mut linear = |graph: &mut Graph, n, k| {
        count += 1;
        let weight = graph.parameter(&format!("weight.{count}"), [n, k]);
        (weight, graph.parameter(&format!("bias.{count}"), [n]))
    };
    let (scale, shift) = (
        graph.parameter("norm.weight", [hidden]),
        graph.parameter("norm.bias", [hidden]),
    );

    let normal = graph.layer_norm(x, scale, shift, 1e-5).unwrap();
    let [query, key, value] = [(); 3].map(|()| linear(&mut graph, hidden, hidden));
    let weights = Qkv {
        query: query.0,
        key: key.0,
        value: value.0,
    };
    let biases = Qkv {
        query: query.1,
        key: key.1,
        value: value.1,
    };
    let qkv = graph
        .qkv_linear(normal, weights, Some(biases), heads)
        .unwrap();
    let context = graph
        .attention(qkv, segments, AttentionOptions::new(0.5))
        .unwrap();
    let (weight, bias) = linear(&mut graph, hidden, hidden);
    let attended = graph.linear(context, weight, Some(bias)).unwrap();
    let x = graph.add(attended, x).unwrap();
    let normal = graph.layer_norm(x, scale, shift, 1e-5).unwrap();
    let (weight, bias) = linear(&mut graph, intermediate, hidden);
    let inner = graph.linear(normal, weight, Some(bias)).unwrap();
    let inner = graph.activation(inner, Activation::Gelu).unwrap();
    let (weight, bias) = linear(&mut graph, hidden, intermediate);
    let fed_forward = graph.linear(inner, weight, Some(bias)).unwrap();
    graph.add(fed_forward, x).unwrap();

    let fused = wgformer::plan::fuse(&graph);
    assert_eq!(
        (graph.nodes().len(), fused.nodes().len()),
        (10, 7),
        "{fused}"
    );
}

/// `gelu(x · a^T) * (other · b^T)`, the product either way round, and the fused graph.
fn gated(other_input: bool, gate_first: bool) -> (Graph, Graph) {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
    let other = match other_input {
        true => graph.input("other", [Dim::Tokens, Dim::Fixed(4)]),
        false => x,
    };
    let [a, b] = ["a", "b"].map(|name| graph.parameter(name, [8, 4]));
    let gate = graph.linear(x, a, None).unwrap();
    let gate = graph.activation(gate, Activation::Gelu).unwrap();
    let passed = graph.linear(other, b, None).unwrap();
    match gate_first {
        true => graph.multiply(gate, passed).unwrap(),
        false => graph.multiply(passed, gate).unwrap(),
    };
    let fused = wgformer::plan::fuse(&graph);
    (graph, fused)
}

#[test]
fn a_gate_and_what_passes_it_are_one_dispatch() {
    let mut random = Random::new(3);
    let weights = ["a", "b"].map(|name| (name.to_owned(), random.weights(&[8, 4])));
    let weights = HashMap::from(weights);
    let x: Vec<f32> = (0..12).map(|_| random.unit()).collect();
    for gate_first in [false, true] {
        let (graph, fused) = gated(false, gate_first);
        assert_eq!((graph.nodes().len(), fused.nodes().len()), (4, 1));
        let result = |graph: &Graph| {
            let tensors = interpret(graph, &weights, &capacity(3), &[Value::F32(&x)]).unwrap();
            tensors[&graph.output().unwrap()].clone()
        };
        assert_eq!(result(&graph), result(&fused), "gate first: {gate_first}");
        let (_, of_two_inputs) = gated(true, gate_first);
        assert_eq!(of_two_inputs.nodes().len(), 2, "{of_two_inputs}");
    }
}

#[test]
fn operands_that_do_not_fit_are_refused_by_name() {
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
    let w = graph.parameter("w", [4, 4]);
    let odd = graph.parameter("odd", [4, 7]);
    let bias = graph.parameter("bias", [4]);
    let square = graph.input("square", [4, 4]);
    let segments = graph.segment_offsets();
    let parameter = graph.parameter("qkv", [3, 2, 2, 4]);
    let message = |result: wgformer::Result<_>| match result {
        Err(Error::Shape { operation, message }) => format!("{operation}: {message}"),
        other => panic!("{other:?}"),
    };
    let found = message(graph.linear(x, odd, None));
    assert_eq!(
        found,
        "linear: inner dimensions differ: x [tokens, 4], weight [4, 7]"
    );
    assert!(message(graph.linear(x, square, None)).contains("weight must be a parameter"));
    assert!(message(graph.linear(x, w, Some(w))).contains("bias must be a parameter [4]"));
    // A weight is no activation, whatever its shape.
    for found in [
        graph.add(square, w),
        graph.add(w, square),
        graph.activation(w, Activation::Gelu),
        graph.softmax(w),
    ] {
        assert!(message(found).contains("w is f32 [4, 4]"));
    }
    assert!(
        message(graph.layer_norm(w, bias, bias, 1e-5)).contains("x must be an input or a result")
    );
    assert!(graph.rms_norm(x, bias, 1e-5).is_ok());
    let found = message(graph.rms_norm(x, w, 1e-5));
    assert_eq!(found, "rms_norm: weight must be a parameter [4], is [4, 4]");
    assert!(message(graph.layer_norm(x, bias, w, 1e-5)).contains("layer_norm: bias must be"));
    let not_all_weights = Qkv {
        query: w,
        key: square,
        value: w,
    };
    assert!(message(graph.qkv_linear(x, not_all_weights, None, 2)).contains("must be a parameter"));
    let three = Qkv {
        query: w,
        key: w,
        value: w,
    };
    assert!(message(graph.qkv_linear(x, three, None, 3)).contains("3 heads"));
    let plain = AttentionOptions::new(1.0);
    assert!(message(graph.attention(parameter, segments, plain)).contains("qkv must be"));
    assert!(message(graph.attention(x, x, plain)).contains("segment offsets"));
    let dims = [Dim::Fixed(3), Dim::Fixed(4), Dim::Tokens, Dim::Fixed(8)];
    let qkv = graph.input("qkv", dims);
    assert!(graph.attention(qkv, segments, plain.bias(odd)).is_ok());
    let found = message(graph.attention(qkv, segments, plain.bias(w)));
    assert_eq!(
        found,
        "attention: bias must be [heads, 2 * reach + 1], is [4, 4] for 4 heads"
    );
    let three_heads = graph.parameter("three heads", [3, 7]);
    assert!(
        message(graph.attention(qkv, segments, plain.bias(three_heads))).contains("for 4 heads")
    );
    assert!(
        message(graph.attention(qkv, segments, plain.bias(x))).contains("bias must be a parameter")
    );
    let [five, six, seven] =
        [5, 6, 7].map(|rows| graph.parameter(&format!("{rows} distances"), [rows, 32]));
    let mut attend = |qkv, positions| graph.disentangled_attention(qkv, segments, positions, 1.0);
    assert!(attend(qkv, [five, five]).is_ok());
    let found = message(attend(qkv, [six, six]));
    assert_eq!(
        found,
        "disentangled_attention: position keys must be [2 * reach + 1, heads * head_dim], is [6, 32] for 4 heads of 8"
    );
    assert!(message(attend(qkv, [odd, odd])).contains("is [4, 7] for 4 heads"));
    assert!(message(attend(qkv, [five, seven])).contains("position queries [7, 32]"));
    assert!(message(attend(qkv, [five, x])).contains("position queries must be a parameter"));
    assert!(message(attend(x, [five, five])).contains("qkv must be"));
    assert!(graph.unfold(x, segments, 3).is_ok());
    assert_eq!(
        message(graph.unfold(x, segments, 2)),
        "unfold: size must be odd, as many neighbours before a token as behind it, is 2"
    );
    assert!(message(graph.unfold(x, segments, 0)).contains("odd"));
    assert!(message(graph.unfold(x, segments, usize::MAX)).contains("too many"));
    assert!(message(graph.unfold(w, segments, 3)).contains("x must be an input or a result"));
    assert!(
        message(graph.unfold(square, segments, 3)).contains("x must be [tokens, cols], is [4, 4]")
    );
    assert!(message(graph.unfold(x, x, 3)).contains("segment offsets"));
    let positions = graph.ids("positions", 4);
    assert!(graph.rotary(qkv, positions, w).is_ok());
    let found = message(graph.rotary(qkv, positions, odd));
    assert_eq!(
        found,
        "rotary: rotations must have an even number of columns, at most the head's 8, are [tokens, 7]"
    );
    let long = graph.parameter("long", [4, 10]);
    assert!(message(graph.rotary(qkv, positions, long)).contains("are [tokens, 10]"));
    let short = graph.parameter("short", [3, 8]);
    assert!(message(graph.rotary(qkv, positions, short)).contains("ids below 3"));
    assert!(message(graph.rotary(x, positions, w)).contains("qkv must be"));
    let elsewhere = (0..99).fold(positions, |_, _| graph.ids("ids", 4));
    let mut another = Graph::new();
    let of_another = another.input("qkv", dims);
    let found = message(another.rotary(of_another, elsewhere, w));
    assert_eq!(found, "rotary: an operand is not of this graph");
    let other = Graph::new().input("elsewhere", [1, 1]);
    assert!(
        Graph::new().activation(other, Activation::Gelu).is_err(),
        "a tensor of another graph"
    );
}

/// Their products wrap around 64 bits to something small.
#[test]
fn sizes_that_overflow_are_refused() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let x = graph.input("x", [3, 0xaaaa_aaaa_aaaa_aaab_usize]);
    assert!(matches!(graph.softmax(x), Err(Error::Shape { .. })));
    let segments = graph.segment_offsets();
    let qkv = graph.input(
        "qkv",
        [
            Dim::Fixed(3),
            Dim::Fixed(1 << 60),
            Dim::Tokens,
            Dim::Fixed(256),
        ],
    );
    assert!(matches!(
        graph.attention(qkv, segments, AttentionOptions::new(1.0)),
        Err(Error::Shape { .. })
    ));

    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(1 << 20)]);
    graph.softmax(x).unwrap();
    let nothing = HashMap::<String, Tensor>::new();
    let error = Plan::compile(
        &gpu,
        &graph,
        Arc::new(nothing.clone()),
        &PlanOptions::new(capacity(1 << 12)),
    )
    .unwrap_err();
    assert!(
        matches!(error, Error::Limit { needed, .. } if needed == 1 << 32),
        "{error}"
    );
}

#[test]
fn a_storage_that_was_asked_for_is_kept_or_refused() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
    let weight = graph.parameter("weight", [4, 4]);
    graph.linear(x, weight, None).unwrap();
    let weights = HashMap::from([("weight".to_owned(), Tensor::new([4, 4], vec![1.0; 16]))]);
    let mut options = PlanOptions::new(capacity(1_000_000)); // higher than any texture
    options = options.storage(Storage::Textures);
    let error = Plan::compile(&gpu, &graph, Arc::new(weights.clone()), &options).unwrap_err();
    assert!(matches!(error, Error::NoVariant { .. }), "{error}");
    options = options.storage(Storage::Buffers);
    let plan = Plan::compile(&gpu, &graph, Arc::new(weights.clone()), &options).unwrap();
    assert_eq!(
        plan.variants(plan.capacity())
            .map(|variant| variant.kernel.name)
            .collect::<Vec<_>>(),
        ["linear_small"]
    );
}

#[test]
fn weights_that_are_not_what_the_graph_names_are_refused() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(4)]);
    let weight = graph.parameter("weight", [4, 4]);
    graph.linear(x, weight, None).unwrap();
    let compile = |tensor: Option<Tensor>| {
        let weights: HashMap<String, Tensor> = tensor
            .map(|tensor| ("weight".to_owned(), tensor))
            .into_iter()
            .collect();
        Plan::compile(
            &gpu,
            &graph,
            Arc::new(weights.clone()),
            &PlanOptions::new(capacity(4)),
        )
        .unwrap_err()
    };
    assert!(matches!(compile(None), Error::TensorMissing { .. }));
    assert!(matches!(
        compile(Some(Tensor::new([4, 4], vec![7_u32; 16]))),
        Error::TensorMissing { .. }
    ));
    assert!(matches!(
        compile(Some(Tensor::new([2, 8], vec![1.0; 16]))),
        Error::TensorShape { .. }
    ));
    let mut values = vec![1.0; 16];
    values[5] = f32::NAN;
    assert!(matches!(
        compile(Some(Tensor::new([4, 4], values))),
        Error::NotFinite { index: 5, .. }
    ));
}

/// On textures too, where the adapter has kernels for them: a pooling writes what a linear layer reads there.
#[test]
fn a_head_follows_a_pooling_on_every_storage() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let segments = graph.segment_offsets();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
    let pooled = graph.pool(x, segments, Pooling::Mean, true).unwrap();
    let weight = graph.parameter("weight", [4, 8]);
    graph.linear(pooled, weight, None).unwrap();
    let mut random = Random::new(1);
    let weights: Arc<HashMap<String, Tensor>> =
        Arc::new([("weight".to_owned(), random.weights(&[4, 8]))].into());
    let x: Vec<f32> = (0..40).map(|_| random.unit()).collect();
    let offsets = [0, 3, 3, 5];
    let sizes = Sizes::from_segments(&offsets);
    let values = [Value::U32(&offsets), Value::F32(&x)];
    let tensors = interpret(&graph, &*weights, &sizes, &values).unwrap();
    let expected = tensors[&graph.output().unwrap()].f32();
    let has_kernels = gpu.capabilities().subgroup_size().is_some();
    for storage in [Storage::Buffers, Storage::Textures] {
        let options = PlanOptions::new(sizes).storage(storage);
        match Plan::compile(&gpu, &graph, weights.clone(), &options) {
            Ok(plan) => {
                let found = plan.run(&sizes, &values).unwrap();
                let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
                assert!(
                    found.iter().zip(expected).all(near),
                    "{storage:?}: {found:?}"
                );
            }
            Err(error) => assert!(storage == Storage::Textures && !has_kernels, "{error}"),
        }
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused_before_anything_is_recorded() {
    let (gpu, _turn) = common::gpu();
    let mut graph = Graph::new();
    let segments = graph.segment_offsets();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    graph.pool(x, segments, Pooling::Mean, false).unwrap();
    let nothing = HashMap::<String, Tensor>::new();
    let plan = Plan::compile(
        &gpu,
        &graph,
        Arc::new(nothing.clone()),
        &PlanOptions::new(capacity(4)),
    )
    .unwrap();
    let run = |sizes: Sizes, offsets: &[u32], x: &[f32]| {
        plan.run(&sizes, &[Value::U32(offsets), Value::F32(x)])
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        run(capacity(2), &[0, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap(),
        [2.0, 3.0]
    );
    for (sizes, offsets, x, what) in [
        (
            capacity(5),
            &[0, 5][..],
            &[0.0; 10][..],
            "compiled for at most 4",
        ),
        (capacity(2), &[0, 3], &[0.0; 4], "offsets describe"),
        (capacity(2), &[1, 2], &[0.0; 4], "ascend from 0"),
        (capacity(2), &[0, 2, 1], &[0.0; 4], "elements"),
        (capacity(2), &[0, 2], &[0.0; 3], "has 3 elements"),
    ] {
        let error = run(sizes, offsets, x).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
    assert!(
        plan.run(&capacity(2), &[Value::U32(&[0, 2])]).is_err(),
        "an input is missing"
    );
    let floats = [Value::F32(&[0.0, 2.0]), Value::F32(&[0.0; 4])];
    assert!(
        plan.run(&capacity(2), &floats)
            .unwrap_err()
            .to_string()
            .contains("holds f32")
    );
}
