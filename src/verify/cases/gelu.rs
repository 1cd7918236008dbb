use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let recipe = |(rows, cols)| Box::new(move || gelu(rows, cols)) as Recipe;
    super::ELEMENTWISE.map(recipe).into()
}

/// A gelu of `[rows, cols]`, of values in [-80, 80].
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn gelu(rows: usize, cols: usize) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, Values::Extreme);
    case.graph.gelu(x)?;
    Ok(case.finish(format!("{rows} x {cols}"), Tolerance::elementwise()))
}
