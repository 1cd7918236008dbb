use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::ops::Qkv;

pub(super) fn table() -> Vec<Recipe> {
    let sizes = [
        (1, 1, 1),
        (5, 3, 5),
        (33, 2, 8),
        (31, 3, 20),
        (65, 1, 33),
        (3, 1, 256),
        (70, 12, 32), // MiniLM
        (5, 12, 64),  // BERT-base and ViT-B
        (super::MANY, 1, 4),
    ];
    let turned = [
        (1, 1, 2, 2),
        (5, 3, 7, 4),
        (3, 2, 8, 8),
        (9, 2, 12, 8),
        (33, 3, 24, 20),
        (17, 2, 64, 16),  // a quarter of each head, as in GPT-NeoX
        (70, 12, 64, 64), // ModernBERT-base
        (super::MANY, 1, 8, 8),
    ];
    let recipe = |(tokens, heads, head_dim, rotated, bias)| {
        Box::new(move || qkv_linear(tokens, heads, head_dim, rotated, bias)) as Recipe
    };
    let without = [(5, 3, 5, 0, false), (33, 2, 8, 0, false)];
    let biases = [true, false].into_iter().cycle();
    sizes
        .map(|(tokens, heads, head_dim)| (tokens, heads, head_dim, 0, true))
        .into_iter()
        .chain(without)
        .chain(
            turned
                .into_iter()
                .zip(biases)
                .map(|((tokens, heads, head_dim, rotated), bias)| {
                    (tokens, heads, head_dim, rotated, bias)
                }),
        )
        .map(recipe)
        .collect()
}

/// The projections of `tokens` rows as wide as all heads together, `rotated` elements of each head of query and key turned
/// if that is not 0, with a bias if `bias` is set.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn qkv_linear(
    tokens: usize,
    heads: usize,
    head_dim: usize,
    rotated: usize,
    bias: bool,
) -> Result<Case> {
    let (mut case, hidden) = (Builder::rows(tokens), heads * head_dim);
    let x = case.input("x", hidden, Values::Unit);
    let three = |kind: &str| ["query", "key", "value"].map(|part| format!("{part}.{kind}"));
    let [query, key, value] = three("weight").map(|name| case.parameter(&name, [hidden, hidden]));
    let weights = Qkv { query, key, value };
    let biases = bias.then(|| {
        let [query, key, value] = three("bias").map(|name| case.parameter(&name, [hidden]));
        Qkv { query, key, value }
    });
    let qkv = case.graph.qkv_linear(x, weights, biases, heads)?;
    let bias = if bias { " + bias" } else { "" };
    let name = format!("{tokens} tokens, {heads} heads of {head_dim}{bias}");
    if rotated == 0 {
        return Ok(case.finish(name, Tolerance::dot(hidden)));
    }
    super::rotary::turn(&mut case, qkv, rotated)?;
    let name = format!("{name}, {rotated} turned");
    Ok(case.finish(name, Tolerance::turned_dots(hidden)))
}
