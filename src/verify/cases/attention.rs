use half::f16;

use super::super::Tolerance;
use super::super::builder::{Builder, describe};
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::ops::AttentionOptions;
use crate::tensor::Dim;

/// What attention makes of how far a key is from a query.
///
/// See [`cases`](super).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distances {
    /// How many positions away the furthest key is that counts.
    pub window: Option<usize>,
    /// How many positions away the furthest key is that has a bias of its own.
    pub reach: Option<usize>,
    /// Whether every second sequence expands the one before it.
    pub expanded: bool,
    /// Whether keys behind a query do not count.
    pub causal: bool,
}

impl Distances {
    /// As a case's name has them.
    fn describe(self) -> String {
        let window = self.window.map(|window| format!(", {window} places away"));
        let reach = self.reach.map(|reach| format!(", bias of reach {reach}"));
        let expanded = if self.expanded { ", expanded" } else { "" };
        let causal = if self.causal { ", causal" } else { "" };
        format!(
            "{}{}{expanded}{causal}",
            window.unwrap_or_default(),
            reach.unwrap_or_default()
        )
    }
}

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let mut push = |lengths: &'static [usize], heads, head_dim, peak, values| {
        table.push(Box::new(move || {
            attention(lengths, heads, head_dim, peak, values)
        }));
    };
    for lengths in [
        &[1][..],
        &[0, 0, 1, 1, 1, 0],
        &[7, 8, 9, 15, 16, 17],
        &[31, 32, 33],
        &[63, 64, 65, 127],
        &[512],
    ] {
        for peak in [1.0, 40.0, 80.0] {
            push(lengths, 3, 32, peak, Values::Unit);
        }
        push(lengths, 1, 24, 1.0, Values::Unit);
    }
    // An empty sequence, one of one token, and tails of every tile of queries and keys.
    for head_dim in [
        1, 2, 3, 4, 5, 8, 17, 20, 31, 32, 33, 48, 64, 65, 80, 96, 127, 128, 129, 160, 255, 256,
    ] {
        push(&[1, 19, 0, 70], 2, head_dim, 1.0, Values::Unit);
    }
    // Tails of the longer tiles of keys that other head sizes have, and several of them.
    for head_dim in [40, 64, 80, 96, 112, 128, 136, 192, 193] {
        push(&[15, 33, 129, 64], 1, head_dim, 40.0, Values::Unit);
    }
    for values in Values::ALL {
        push(&[5, 40], 2, 32, 1.0, values);
    }
    push(&[128, 40], 12, 32, 1.0, Values::Unit); // MiniLM
    push(&[197], 12, 64, 1.0, Values::Unit); // BERT-base and ViT-B
    push(&[2048], 1, 32, 1.0, Values::Unit);
    push(&[2048], 1, 30, 1.0, Values::Unit);
    push(&[1; super::MANY], 1, 4, 1.0, Values::Unit);
    table.extend(by_distance());
    table.extend(expanded());
    table.extend(causal());
    table
}

/// Windows and biases: narrower and wider than every tile, in heads of each way to read them.
fn by_distance() -> impl Iterator<Item = Recipe> {
    let all = [
        (Some(0), None),
        (Some(1), None),
        (Some(3), None),
        (Some(64), None),
        (None, Some(0)),
        (None, Some(2)),
        (None, Some(128)),
        (Some(3), Some(2)),
        (Some(64), Some(128)),
    ];
    let of_head = move |head_dim| {
        all.into_iter().map(move |(window, reach)| {
            let distances = Distances {
                window,
                reach,
                ..Distances::default()
            };
            Box::new(move || {
                let lengths = [1, 19, 0, 70, 129, 300];
                attention_with(&lengths, 2, head_dim, 1.0, Values::Unit, distances)
            }) as Recipe
        })
    };
    [32, 64, 5, 33, 256].into_iter().flat_map(of_head)
}

/// Sequences of which every second one expands the one before: short and long ones, empty ones, and windows that leave
/// some queries without keys.
fn expanded() -> impl Iterator<Item = Recipe> {
    let of_head = |head_dim| {
        [None, Some(3), Some(64)].into_iter().map(move |window| {
            let distances = Distances {
                window,
                expanded: true,
                ..Distances::default()
            };
            Box::new(move || {
                let lengths = [5, 27, 33, 0, 0, 9, 129, 70, 8, 24, 7];
                attention_with(&lengths, 2, head_dim, 1.0, Values::Unit, distances)
            }) as Recipe
        })
    };
    [32, 64, 5].into_iter().flat_map(of_head)
}

/// Keys before a query alone, in heads of each way to read them: alone, with scores of any size, with a window or a bias
/// or both, and where every second sequence expands the one before it, all of which is before it.
fn causal() -> impl Iterator<Item = Recipe> {
    let causal = Distances {
        causal: true,
        ..Distances::default()
    };
    let all = [
        (causal, 1.0),
        (causal, 80.0),
        (
            Distances {
                window: Some(3),
                ..causal
            },
            1.0,
        ),
        (
            Distances {
                window: Some(64),
                reach: Some(2),
                ..causal
            },
            1.0,
        ),
        (
            Distances {
                expanded: true,
                ..causal
            },
            1.0,
        ),
    ];
    let of_head = move |head_dim| {
        all.into_iter().map(move |(distances, peak)| {
            Box::new(move || {
                let lengths = [1, 19, 0, 70, 129, 300];
                attention_with(&lengths, 2, head_dim, peak, Values::Unit, distances)
            }) as Recipe
        })
    };
    [32, 64, 3, 33, 256].into_iter().flat_map(of_head)
}

/// Attention within sequences of `lengths` tokens; `peak`: about how large scores become; `values`: what the values
/// hold, queries and keys being in [-1, 1] or equal too.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn attention(
    lengths: &[usize],
    heads: usize,
    head_dim: usize,
    peak: f32,
    values: Values,
) -> Result<Case> {
    attention_with(lengths, heads, head_dim, peak, values, Distances::default())
}

/// The same with a window, a bias, expansions, causality or all of these.
///
/// # Errors
/// As [`attention`].
pub fn attention_with(
    lengths: &[usize],
    heads: usize,
    head_dim: usize,
    peak: f32,
    values: Values,
    distances: Distances,
) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let each = heads * case.sizes.tokens * head_dim;
    // Large queries and keys make scores of any size; equal ones make equal scores.
    let of_scores = if matches!(values, Values::Equal) {
        values
    } else {
        Values::Unit
    };
    let mut qkv = of_scores.fill(&mut case.random, 2 * each);
    qkv.extend(values.fill(&mut case.random, each));
    let range_in_f16 = range_in_f16(&qkv[2 * each..]);
    case.inputs.push(qkv.into());
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
    let mut options = AttentionOptions::new(scale);
    options.window = distances.window;
    options.expanded = distances.expanded;
    options.causal = distances.causal;
    options.bias = distances
        .reach
        .map(|reach| case.parameter("bias", [heads, 2 * reach + 1]));
    case.graph.attention(qkv, segment_offsets, options)?;
    let lengths = describe(lengths);
    let name = format!(
        "{lengths} tokens, {heads} heads of {head_dim}, scores to about {peak}{values}{}",
        distances.describe()
    );
    let (longest, magnitude) = (case.sizes.longest, values.magnitude());
    let range = 5.0 * peak + if distances.reach.is_some() { 1.0 } else { 0.0 };
    let tolerance = Tolerance::exponentials(longest + head_dim, range).scaled(magnitude);
    let mut case = case.finish(name, tolerance);
    case.tolerance_in_f16 = tolerance.with_weights_in_f16(longest, range_in_f16);
    Ok(case)
}

/// How far the values are from each other once they are rounded to f16.
fn range_in_f16(values: &[f32]) -> f32 {
    let rounded = values.iter().map(|value| f16::from_f32(*value).to_f32());
    let (lowest, highest) = rounded
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    (highest - lowest).max(0.0) // of no values at all: -infinity
}
