use super::super::Tolerance;
use super::super::builder::{Builder, describe};
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::tensor::Dim;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let mut push = |lengths: &'static [usize], heads_and_dim, reach, peak, values| {
        table.push(Box::new(move || {
            disentangled_attention(lengths, heads_and_dim, reach, peak, values)
        }));
    };
    // Nearer and farther than every tile is wide, and than every sequence is long.
    for reach in [0, 1, 7, 40, 200] {
        push(&[1], (3, 32), reach, 1.0, Values::Unit);
        push(&[7, 8, 9, 15, 16, 17], (3, 32), reach, 1.0, Values::Unit);
        push(&[1, 19, 0, 70, 129, 300], (2, 64), reach, 1.0, Values::Unit);
    }
    for peak in [40.0, 80.0] {
        push(&[0, 0, 1, 1, 1, 0], (3, 32), 7, peak, Values::Unit);
        push(&[31, 32, 33], (3, 32), 40, peak, Values::Unit);
        push(&[63, 64, 65, 127], (2, 64), 40, peak, Values::Unit);
    }
    // Tails of every tile of queries and keys, and of a head's vectors.
    for head_dim in [
        1, 2, 3, 4, 5, 8, 12, 17, 20, 33, 48, 65, 80, 96, 127, 128, 129, 160, 255, 256,
    ] {
        push(&[1, 19, 0, 70, 129], (2, head_dim), 50, 1.0, Values::Unit);
    }
    for values in Values::ALL {
        push(&[5, 40], (2, 32), 9, 1.0, values);
    }
    push(&[128, 40], (12, 64), 511, 1.0, Values::Unit); // DeBERTa-v3-base
    push(&[1; super::MANY], (1, 4), 2, 1.0, Values::Unit);
    table
}

/// Disentangled attention within sequences of `lengths` tokens, with `heads` heads of `head_dim`; `reach`: how many
/// positions away the furthest key is that has vectors of its own; `peak`: about how large scores become; `values`: what
/// the values hold, queries and keys being in [-1, 1] or equal too.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn disentangled_attention(
    lengths: &[usize],
    (heads, head_dim): (usize, usize),
    reach: usize,
    peak: f32,
    values: Values,
) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let each = heads * case.sizes.tokens * head_dim;
    let of_scores = if matches!(values, Values::Equal) {
        values
    } else {
        Values::Unit
    };
    let mut qkv = of_scores.fill(&mut case.random, 2 * each);
    qkv.extend(values.fill(&mut case.random, each));
    case.inputs.push(qkv.into());
    let (three, heads_dim) = (Dim::Fixed(3), Dim::Fixed(heads));
    let dims = [three, heads_dim, Dim::Tokens, Dim::Fixed(head_dim)];
    let qkv = case.graph.input("qkv", dims);
    let shape = [2 * reach + 1, heads * head_dim];
    let positions = ["position keys", "position queries"].map(|name| case.parameter(name, shape));
    // A score is a sum of 3 * head_dim products of deviation 1/3.
    let scale = peak * 3.0 / ((3 * head_dim) as f32).sqrt();
    case.graph
        .disentangled_attention(qkv, segment_offsets, positions, scale)?;
    let lengths = describe(lengths);
    let name = format!(
        "{lengths} tokens, {heads} heads of {head_dim}, reach {reach}, scores to about {peak}{values}"
    );
    let terms = case.sizes.longest + 3 * head_dim;
    let tolerance = Tolerance::exponentials(terms, 5.0 * peak).scaled(values.magnitude());
    Ok(case.finish(name, tolerance))
}
