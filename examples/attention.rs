//! Attention, one step after another, on four words of three numbers each: 我 爱 学习 编程, "I love learning to program".
//!
//! `softmax(Q·K^T / sqrt(d_k))·V` (Vaswani and others, "Attention is all you need", 2017, equation 1), with the words'
//! vectors for Q, K and V alike. docs/attention.md explains what is printed.
//!
//! `cargo run --release --example attention`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use wgformer::ops::AttentionOptions;
use wgformer::plan::{Plan, PlanOptions, Value};
use wgformer::tensor::{Dim, Sizes, Tensor};
use wgformer::{Gpu, Graph};

const WORDS: [&str; 4] = ["我", "爱", "学习", "编程"];

/// The columns of a query and of a key: d_k.
const COLUMNS: usize = 3;

/// A row for each word.
const VECTORS: [[f32; COLUMNS]; 4] = [
    [0.1, 0.2, 0.3],
    [0.4, 0.5, 0.6],
    [0.7, 0.8, 0.9],
    [1.0, 1.1, 1.2],
];

const SIZES: Sizes = Sizes {
    tokens: WORDS.len(),
    sequences: 1,
    longest: WORDS.len(),
};

/// What each step gives, a row for each query.
pub(crate) struct Steps {
    /// `Q·K^T`: `[words, words]`
    pub(crate) scores: Vec<f32>,
    /// `softmax(scores / sqrt(d_k))`: `[words, words]`
    pub(crate) weights: Vec<f32>,
    /// `weights·V`: `[words, columns]`
    pub(crate) output: Vec<f32>,
    /// The same from the one kernel that does all of it: `[words, columns]`
    pub(crate) at_once: Vec<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new()?;
    println!("on {}\n", gpu.capabilities());
    print!("{}", report(&steps(&gpu)?));
    Ok(())
}

/// # Errors
/// If the device was lost.
pub(crate) fn steps(gpu: &Gpu) -> wgformer::Result<Steps> {
    let vectors = VECTORS.concat();
    let scores = by_matrix(gpu, &vectors, &VECTORS)?;
    let scale = 1.0 / (COLUMNS as f32).sqrt();
    // A layer of keys that are scaled already gives scores that are.
    let scaled = by_matrix(
        gpu,
        &vectors,
        &VECTORS.map(|row| row.map(|value| scale * value)),
    )?;
    let weights = softmax(gpu, &scaled)?;
    let columns = [0, 1, 2].map(|column| VECTORS.map(|row| row[column]));
    let output = by_matrix(gpu, &weights, &columns)?;
    Ok(Steps {
        at_once: attention(gpu, &vectors, scale)?,
        scores,
        weights,
        output,
    })
}

/// `x·matrix^T`, which is what a linear layer does: `x`: `[words, K]`; `matrix`: N rows; the result: `[words, N]`.
fn by_matrix<const N: usize, const K: usize>(
    gpu: &Gpu,
    x: &[f32],
    matrix: &[[f32; K]; N],
) -> wgformer::Result<Vec<f32>> {
    let mut graph = Graph::new();
    let input = graph.input("x", [Dim::Tokens, Dim::Fixed(K)]);
    let weight = graph.parameter("matrix", [N, K]);
    graph.linear(input, weight, None)?;
    let matrix = Tensor::new(vec![N, K], matrix.concat());
    run(
        gpu,
        &graph,
        [("matrix".to_owned(), matrix)].into(),
        &[Value::F32(x)],
    )
}

/// Of each row: `[words, words]`.
fn softmax(gpu: &Gpu, x: &[f32]) -> wgformer::Result<Vec<f32>> {
    let mut graph = Graph::new();
    let input = graph.input("x", [Dim::Tokens, Dim::Fixed(WORDS.len())]);
    graph.softmax(input)?;
    run(gpu, &graph, HashMap::new(), &[Value::F32(x)])
}

/// All of it, without ever keeping the weights: `vectors` are queries, keys and values, `[words, columns]`, as is the result.
fn attention(gpu: &Gpu, vectors: &[f32], scale: f32) -> wgformer::Result<Vec<f32>> {
    let mut graph = Graph::new();
    let shape = [
        Dim::Fixed(3),
        Dim::Fixed(1),
        Dim::Tokens,
        Dim::Fixed(COLUMNS),
    ];
    let qkv = graph.input("qkv", shape); // one head
    let segment_offsets = graph.segment_offsets();
    graph.attention(qkv, segment_offsets, AttentionOptions::new(scale))?;
    let (qkv, one_sequence) = ([vectors; 3].concat(), [0, WORDS.len() as u32]);
    let values = [Value::F32(&qkv), Value::U32(&one_sequence)];
    run(gpu, &graph, HashMap::new(), &values)
}

fn run(
    gpu: &Gpu,
    graph: &Graph,
    parameters: HashMap<String, Tensor>,
    values: &[Value<'_>],
) -> wgformer::Result<Vec<f32>> {
    let options = PlanOptions::new(SIZES);
    Plan::compile(gpu, graph, Arc::new(parameters), &options)?.run(&SIZES, values)
}

/// What docs/attention.md shows.
pub(crate) fn report(steps: &Steps) -> String {
    let all = [
        ("scores, Q·K^T", &steps.scores),
        ("weights, softmax(scores / sqrt(3))", &steps.weights),
        ("output, weights·V", &steps.output),
        ("the same by one kernel", &steps.at_once),
    ];
    all.map(|(name, values)| format!("{name}\n{}", rows(values)))
        .concat()
}

/// A line for each word.
fn rows(values: &[f32]) -> String {
    let rows = values.chunks(values.len() / WORDS.len());
    let lines = WORDS.iter().zip(rows).map(|(word, row)| {
        let row: Vec<String> = row.iter().map(|value| format!("{value:.4}")).collect();
        format!("  {}  {word}\n", row.join("  "))
    });
    lines.collect()
}
