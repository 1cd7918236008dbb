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
    let recipe = |(sizes, bias): ((usize, usize, usize), bool)| {
        let (tokens, heads, head_dim) = sizes;
        Box::new(move || qkv_linear(tokens, heads, head_dim, bias)) as Recipe
    };
    let without = [((5, 3, 5), false), ((33, 2, 8), false)];
    sizes
        .map(|sizes| (sizes, true))
        .into_iter()
        .chain(without)
        .map(recipe)
        .collect()
}

/// The projections of `tokens` rows as wide as all heads together, with a bias if `bias` is set.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn qkv_linear(tokens: usize, heads: usize, head_dim: usize, bias: bool) -> Result<Case> {
    let (mut case, hidden) = (Builder::rows(tokens), heads * head_dim);
    let x = case.input("x", hidden, Values::Unit);
    let three = |kind: &str| ["query", "key", "value"].map(|part| format!("{part}.{kind}"));
    let [query, key, value] = three("weight").map(|name| case.parameter(&name, [hidden, hidden]));
    let weights = Qkv { query, key, value };
    let biases = bias.then(|| {
        let [query, key, value] = three("bias").map(|name| case.parameter(&name, [hidden]));
        Qkv { query, key, value }
    });
    case.graph.qkv_linear(x, weights, biases, heads)?;
    let bias = if bias { " + bias" } else { "" };
    let name = format!("{tokens} tokens, {heads} heads of {head_dim}{bias}");
    Ok(case.finish(name, Tolerance::dot(hidden)))
}
