//! The case table: every operation at sizes 1, primes, tails of every tile, and several workgroups.

use std::collections::HashMap;

use super::{Random, Tolerance};
use crate::error::Result;
use crate::graph::{Graph, TensorId};
use crate::ops::{Pooling, Qkv};
use crate::tensor::{Data, Dim, Sizes, Tensor};

/// A small graph with its weights and inputs, and how close the GPU must come to the reference.
#[derive(Debug)]
pub struct Case {
    /// The operation under test: the last node after fusion.
    pub operation: &'static str,
    /// The operation and its sizes.
    pub name: String,
    /// The graph.
    pub graph: Graph,
    /// Its parameters.
    pub weights: HashMap<String, Tensor>,
    /// The counts of the run.
    pub sizes: Sizes,
    /// Its inputs, in order.
    pub inputs: Vec<Data>,
    /// How close the result must be.
    pub tolerance: Tolerance,
}

/// The whole table.
///
/// # Errors
/// None for the table as it is: what a graph says if a case does not fit an operation.
pub fn cases() -> Result<Vec<Case>> {
    let mut cases = quick_cases()?;
    for (m, n, k) in [
        (1, 1, 1),
        (3, 5, 7),
        (1, 4, 4),
        (31, 33, 12),
        (64, 64, 32),
        (65, 68, 36),
        (97, 130, 33),
    ] {
        for epilogue in 0..8 {
            cases.push(linear(m, n, k, epilogue)?);
        }
    }
    cases.extend([
        linear(130, 384, 384, 1)?,
        linear(17, 1536, 384, 3)?,
        linear(16, 384, 1536, 5)?,
    ]);
    for (tokens, heads, head_dim) in [(1, 1, 1), (5, 3, 5), (33, 2, 8), (70, 12, 32), (3, 1, 256)] {
        cases.push(qkv_linear(tokens, heads, head_dim)?);
    }
    for head_dim in [
        1, 2, 3, 4, 8, 17, 20, 32, 33, 64, 80, 96, 127, 128, 129, 160, 255, 256,
    ] {
        cases.push(attention(&[1, 19, 0, 70], 2, head_dim, 1.0)?);
    }
    for lengths in [
        &[1][..],
        &[1, 1, 1],
        &[16, 17, 31, 32, 33],
        &[64, 65, 127],
        &[512],
    ] {
        cases.push(attention(lengths, 3, 32, 1.0)?);
        cases.push(attention(lengths, 1, 24, 40.0)?);
    }
    for (rows, cols) in [
        (1, 1),
        (2, 7),
        (3, 8),
        (5, 63),
        (4, 65),
        (130, 384),
        (2, 1500),
    ] {
        for values in VALUES {
            cases.extend([
                softmax(rows, cols, values)?,
                layer_norm(rows, cols, values, false)?,
            ]);
        }
        cases.extend([
            layer_norm(rows, cols, Values::Unit, true)?,
            embedding_sum(rows, cols)?,
        ]);
        cases.extend([gelu(rows, cols)?, add(rows, cols)?]);
    }
    cases.push(softmax(65_537, 2, Values::Unit)?); // more rows than one dimension of a grid holds
    for pooling in [Pooling::Mean, Pooling::Max, Pooling::Cls, Pooling::Last] {
        for normalize in [false, true] {
            cases.extend([
                pool(&[1], 1, pooling, normalize)?,
                pool(&[3, 0, 1, 70], 130, pooling, normalize)?,
            ]);
        }
    }
    Ok(cases)
}

/// One case per operation, of a real model's shapes: a second's work, for `doctor`.
///
/// # Errors
/// As [`cases`].
pub fn quick_cases() -> Result<Vec<Case>> {
    Ok(vec![
        linear(33, 384, 384, 7)?,
        qkv_linear(20, 12, 32)?,
        attention(&[7, 40], 12, 32, 1.0)?,
        layer_norm(9, 384, Values::Unit, false)?,
        embedding_sum(9, 384)?,
        pool(&[5, 9], 384, Pooling::Mean, true)?,
        softmax(9, 130, Values::Unit)?,
        gelu(9, 130)?,
        add(9, 130)?,
    ])
}

/// The operations of one layer of all-MiniLM-L6-v2 on 2 texts of 128 tokens, and a linear layer of 16, for benches.
///
/// # Errors
/// As [`cases`].
pub fn model_cases() -> Result<Vec<Case>> {
    Ok(vec![
        linear(256, 384, 384, 5)?,
        linear(256, 1536, 384, 3)?,
        linear(256, 384, 1536, 5)?,
        linear(16, 1536, 384, 3)?,
        attention(&[128; 2], 12, 32, 1.0)?,
        layer_norm(256, 384, Values::Unit, false)?,
        pool(&[128; 2], 384, Pooling::Mean, true)?,
    ])
}

/// What rows are filled with.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// Numbers in [-1, 1].
    Unit,
    /// One number everywhere.
    Equal,
    /// Numbers in [-1, 1], and 10,000 more: sums of squares would cancel.
    Offset,
    /// Numbers in [-80, 80]: exp overflows unless the maximum is taken off first.
    Extreme,
}

const VALUES: [Values; 4] = [Values::Unit, Values::Equal, Values::Offset, Values::Extreme];

impl Values {
    fn fill(self, random: &mut Random, count: usize) -> Vec<f32> {
        let values = (0..count).map(|_| random.unit());
        values
            .map(|value| match self {
                Self::Unit => value,
                Self::Equal => 0.5,
                Self::Offset => value + 1e4,
                Self::Extreme => value * 80.0,
            })
            .collect()
    }

    fn magnitude(self) -> f32 {
        match self {
            Self::Unit | Self::Equal => 1.0,
            Self::Offset => 1e4 + 1.0,
            Self::Extreme => 80.0,
        }
    }

    /// How far the values are from each other.
    fn range(self) -> f32 {
        match self {
            Self::Unit | Self::Equal | Self::Offset => 2.0,
            Self::Extreme => 160.0,
        }
    }
}

/// A case being put together: inputs and parameters are named and filled as they are added.
struct Builder {
    graph: Graph,
    weights: HashMap<String, Tensor>,
    inputs: Vec<Data>,
    sizes: Sizes,
    random: Random,
}

impl Builder {
    fn new(sizes: Sizes) -> Self {
        let seed = (sizes.tokens * 1000 + sizes.sequences) as u64;
        Self {
            graph: Graph::new(),
            weights: HashMap::new(),
            inputs: vec![],
            sizes,
            random: Random::new(seed),
        }
    }

    /// One sequence of `tokens` rows.
    fn rows(tokens: usize) -> Self {
        Self::new(Sizes {
            tokens,
            sequences: 1,
            longest: tokens,
        })
    }

    fn segments(lengths: &[usize]) -> (Self, TensorId) {
        let mut offsets = vec![0];
        offsets.extend(lengths.iter().scan(0, |end, length| {
            *end += *length as u32;
            Some(*end)
        }));
        let mut builder = Self::new(Sizes::from_segments(&offsets));
        builder.inputs.push(offsets.into());
        let id = builder.graph.segment_offsets();
        (builder, id)
    }

    fn input(&mut self, name: &str, cols: usize, values: Values) -> TensorId {
        let count = self.sizes.tokens * cols;
        self.inputs
            .push(values.fill(&mut self.random, count).into());
        self.graph.input(name, [Dim::Tokens, Dim::Fixed(cols)])
    }

    fn ids(&mut self, name: &str, bound: usize) -> TensorId {
        let ids: Vec<u32> = (0..self.sizes.tokens)
            .map(|_| self.random.below(bound) as u32)
            .collect();
        self.inputs.push(ids.into());
        self.graph.ids(name, bound)
    }

    fn parameter<const N: usize>(&mut self, name: &str, shape: [usize; N]) -> TensorId {
        self.weights
            .insert(name.to_owned(), self.random.weights(&shape));
        self.graph.parameter(name, shape)
    }

    fn finish(self, operation: &'static str, name: String, tolerance: Tolerance) -> Case {
        let Self {
            graph,
            weights,
            inputs,
            sizes,
            ..
        } = self;
        Case {
            operation,
            name: format!("{operation} {name}"),
            graph,
            weights,
            sizes,
            inputs,
            tolerance,
        }
    }
}

/// `epilogue`: bit 0 adds a bias, bit 1 a gelu, bit 2 a residual.
fn linear(m: usize, n: usize, k: usize, epilogue: u32) -> Result<Case> {
    let mut case = Builder::rows(m);
    let x = case.input("x", k, Values::Unit);
    let weight = case.parameter("weight", [n, k]);
    let bias = (epilogue & 1 != 0).then(|| case.parameter("bias", [n]));
    let residual = (epilogue & 4 != 0).then(|| case.input("residual", n, Values::Unit));
    let mut y = case.graph.linear(x, weight, bias)?;
    if epilogue & 2 != 0 {
        y = case.graph.gelu(y)?;
    }
    if let Some(residual) = residual {
        case.graph.add(residual, y)?;
    }
    let parts = ["", " + bias", " + gelu", " + bias + gelu"][epilogue as usize & 3];
    let residual = if residual.is_some() {
        " + residual"
    } else {
        ""
    };
    Ok(case.finish(
        "linear",
        format!("{m} x {n} x {k}{parts}{residual}"),
        Tolerance::dot(k),
    ))
}

fn qkv_linear(tokens: usize, heads: usize, head_dim: usize) -> Result<Case> {
    let (mut case, hidden) = (Builder::rows(tokens), heads * head_dim);
    let x = case.input("x", hidden, Values::Unit);
    let three = |kind: &str| ["query", "key", "value"].map(|part| format!("{part}.{kind}"));
    let [query, key, value] = three("weight").map(|name| case.parameter(&name, [hidden, hidden]));
    let weights = Qkv { query, key, value };
    let [query, key, value] = three("bias").map(|name| case.parameter(&name, [hidden]));
    case.graph
        .qkv_linear(x, weights, Some(Qkv { query, key, value }), heads)?;
    let name = format!("{tokens} tokens, {heads} heads of {head_dim}");
    Ok(case.finish("qkv_linear", name, Tolerance::dot(hidden)))
}

/// `peak`: about how large scores become.
fn attention(lengths: &[usize], heads: usize, head_dim: usize, peak: f32) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let tokens = case.sizes.tokens;
    case.inputs.push(
        Values::Unit
            .fill(&mut case.random, 3 * heads * tokens * head_dim)
            .into(),
    );
    let qkv = case.graph.input(
        "qkv",
        [
            Dim::Fixed(3),
            Dim::Fixed(heads),
            Dim::Tokens,
            Dim::Fixed(head_dim),
        ],
    );
    // A score is a sum of head_dim products of deviation 1/3.
    let scale = peak * 3.0 / (head_dim as f32).sqrt();
    case.graph.attention(qkv, segment_offsets, scale)?;
    let name = format!("{lengths:?} tokens, {heads} heads of {head_dim}, scores to about {peak}");
    let tolerance = Tolerance::exponentials(case.sizes.longest + head_dim, 5.0 * peak);
    Ok(case.finish("attention", name, tolerance))
}

fn softmax(rows: usize, cols: usize, values: Values) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, values);
    case.graph.softmax(x)?;
    Ok(case.finish(
        "softmax",
        format!("{rows} x {cols} {values:?}"),
        Tolerance::exponentials(cols, values.range()),
    ))
}

fn layer_norm(rows: usize, cols: usize, values: Values, residual: bool) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let mut x = case.input("x", cols, values);
    if residual {
        let residual = case.input("residual", cols, values);
        x = case.graph.add(x, residual)?;
    }
    let (weight, bias) = (
        case.parameter("weight", [cols]),
        case.parameter("bias", [cols]),
    );
    // Large enough that a row of one column or of equal values does not divide by next to nothing.
    let eps = 1e-2_f32;
    case.graph.layer_norm(x, weight, bias, eps)?;
    let name = format!(
        "{rows} x {cols} {values:?}{}",
        if residual { " + residual" } else { "" }
    );
    let tolerance = Tolerance::norm(cols, values.magnitude(), eps.sqrt());
    Ok(case.finish("layer_norm", name, tolerance))
}

fn embedding_sum(tokens: usize, hidden: usize) -> Result<Case> {
    let mut case = Builder::rows(tokens);
    let indices = [
        case.ids("ids", 50),
        case.ids("positions", 9),
        case.ids("types", 2),
    ];
    let tables = [
        case.parameter("word", [50, hidden]),
        case.parameter("position", [9, hidden]),
        case.parameter("type", [2, hidden]),
    ];
    let (weight, bias) = (
        case.parameter("weight", [hidden]),
        case.parameter("bias", [hidden]),
    );
    let eps = 1e-2_f32;
    case.graph
        .embedding_sum(indices, tables, weight, bias, eps)?;
    Ok(case.finish(
        "embedding_sum",
        format!("{tokens} x {hidden}"),
        Tolerance::norm(hidden, 3.0, eps.sqrt()),
    ))
}

fn pool(lengths: &[usize], hidden: usize, pooling: Pooling, normalize: bool) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let x = case.input("x", hidden, Values::Unit);
    case.graph.pool(x, segment_offsets, pooling, normalize)?;
    let name = format!(
        "{lengths:?} tokens x {hidden} {pooling:?}{}",
        if normalize { " normalised" } else { "" }
    );
    // A mean may be small, and then its length magnifies the rounding of its sum.
    let tolerance = if normalize {
        Tolerance::norm(hidden, 1.0, 0.1)
    } else {
        Tolerance::dot(case.sizes.longest)
    };
    Ok(case.finish("pool", name, tolerance))
}

fn gelu(rows: usize, cols: usize) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, Values::Extreme);
    case.graph.gelu(x)?;
    Ok(case.finish("gelu", format!("{rows} x {cols}"), Tolerance::elementwise()))
}

fn add(rows: usize, cols: usize) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let (a, b) = (
        case.input("a", cols, Values::Unit),
        case.input("b", cols, Values::Unit),
    );
    case.graph.add(a, b)?;
    Ok(case.finish("add", format!("{rows} x {cols}"), Tolerance::elementwise()))
}
