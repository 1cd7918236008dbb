use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::graph::TensorId;
use crate::tensor::Dim;

pub(super) fn table() -> Vec<Recipe> {
    let sizes = [
        (1, 1, 2, 2),
        (5, 3, 7, 4),
        (3, 2, 8, 8),
        (9, 2, 12, 8),
        (33, 3, 33, 32),
        (17, 2, 64, 16),   // a quarter of each head, as in GPT-NeoX
        (130, 12, 64, 64), // ModernBERT-base
        (super::MANY, 1, 22, 10),
    ];
    let recipe = |(tokens, heads, head_dim, rotated)| {
        Box::new(move || rotary(tokens, heads, head_dim, rotated, Values::Unit)) as Recipe
    };
    let mut table: Vec<Recipe> = sizes.into_iter().map(recipe).collect();
    table.push(Box::new(|| rotary(9, 2, 16, 16, Values::Extreme)));
    table
}

/// Turns `rotated` elements of each head of query and key.
pub(super) fn turn(case: &mut Builder, qkv: TensorId, rotated: usize) -> Result<()> {
    const MAX_POSITIONS: usize = 9;
    let positions = case.ids("positions", MAX_POSITIONS);
    let table = case.parameter("table", [MAX_POSITIONS, rotated]);
    case.graph.rotary(qkv, positions, table)?;
    Ok(())
}

/// Rotary position embedding of `rotated` elements of each head, by a table of few positions whose entries are any numbers
/// in [-1, 1].
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn rotary(
    tokens: usize,
    heads: usize,
    head_dim: usize,
    rotated: usize,
    values: Values,
) -> Result<Case> {
    let mut case = Builder::rows(tokens);
    let qkv = values.fill(&mut case.random, 3 * heads * tokens * head_dim);
    case.inputs.push(qkv.into());
    let (three, heads_dim) = (Dim::Fixed(3), Dim::Fixed(heads));
    let dims = [three, heads_dim, Dim::Tokens, Dim::Fixed(head_dim)];
    let qkv = case.graph.input("qkv", dims);
    turn(&mut case, qkv, rotated)?;
    let name = format!("{tokens} tokens, {heads} heads of {head_dim}, {rotated} turned{values}");
    let tolerance = Tolerance::dot(2).scaled(values.magnitude());
    Ok(case.finish(name, tolerance))
}
