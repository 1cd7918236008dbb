//! A small network of one's own out of the public operations: two linear layers with gelu between them, a residual and
//! a norm, run on the GPU and checked against the scalar reference.
//!
//! `cargo run --release --example custom_graph`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use wgformer::ops::Activation;
use wgformer::plan::{Plan, PlanOptions, Value, interpret};
use wgformer::tensor::{Dim, Sizes, Tensor};
use wgformer::verify::Random;
use wgformer::{Gpu, Graph};

const HIDDEN: usize = 64;
const INTERMEDIATE: usize = 256;
const ROWS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    // The graph: no device is needed to build and print it. `Tokens` is the axis that differs from run to run.
    let mut graph = Graph::new();
    let x = graph.input("x", [Dim::Tokens, Dim::Fixed(HIDDEN)]);
    let up = graph.parameter("up", [INTERMEDIATE, HIDDEN]);
    let down = graph.parameter("down", [HIDDEN, INTERMEDIATE]);
    let weight = graph.parameter("norm.weight", [HIDDEN]);
    let bias = graph.parameter("norm.bias", [HIDDEN]);
    let y = graph.linear(x, up, None)?;
    let y = graph.activation(y, Activation::Gelu)?;
    let y = graph.linear(y, down, None)?;
    let y = graph.add(x, y)?;
    let y = graph.layer_norm(y, weight, bias, 1e-5)?;
    graph.set_output(y);
    println!("{graph}");

    // Weights come from a checkpoint or, as here, from memory.
    let mut random = Random::new(1);
    let mut weights = HashMap::new();
    for (name, shape) in [
        ("up", vec![INTERMEDIATE, HIDDEN]),
        ("down", vec![HIDDEN, INTERMEDIATE]),
        ("norm.weight", vec![HIDDEN]),
        ("norm.bias", vec![HIDDEN]),
    ] {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| random.unit() / 8.0)
            .collect();
        weights.insert(name.to_owned(), Tensor::new(shape, values));
    }
    let weights = Arc::new(weights);

    // A plan for runs of up to so many rows, and a run of all of them.
    let gpu = Gpu::new()?;
    let sizes = Sizes {
        tokens: ROWS,
        sequences: 1,
        longest: ROWS,
    };
    let plan = Plan::compile(&gpu, &graph, weights.clone(), &PlanOptions::new(sizes))?;
    println!("{plan}");
    let input: Vec<f32> = (0..ROWS * HIDDEN).map(|_| random.unit()).collect();
    let values = [Value::F32(&input)];
    let found = plan.run(&sizes, &values)?;

    let expected = interpret(&graph, &*weights, &sizes, &values)?;
    let expected = expected[&y].f32();
    let worst = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    println!(
        "{} results, at most {worst:.1e} from the reference",
        found.len()
    );
    if worst > 1e-4 {
        return Err("the GPU and the reference disagree".into());
    }
    Ok(())
}
