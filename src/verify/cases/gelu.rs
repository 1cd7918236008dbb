use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let recipe = |(rows, cols), values| Box::new(move || gelu(rows, cols, values)) as Recipe;
    let extreme = super::ELEMENTWISE.map(|sizes| recipe(sizes, Values::Extreme));
    let unit = [(3, 8), (130, 384)].map(|sizes| recipe(sizes, Values::Unit));
    extreme.into_iter().chain(unit).collect()
}

/// A gelu of `[rows, cols]`; `values`: what it holds.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn gelu(rows: usize, cols: usize, values: Values) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, values);
    case.graph.gelu(x)?;
    Ok(case.finish(
        format!("{rows} x {cols} {values:?}"),
        Tolerance::elementwise(),
    ))
}
