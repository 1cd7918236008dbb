use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let recipe = |(rows, cols)| Box::new(move || multiply(rows, cols)) as Recipe;
    super::ELEMENTWISE.map(recipe).into()
}

/// A product of two `[rows, cols]`.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn multiply(rows: usize, cols: usize) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let (a, b) = (
        case.input("a", cols, Values::Unit),
        case.input("b", cols, Values::Unit),
    );
    case.graph.multiply(a, b)?;
    Ok(case.finish(format!("{rows} x {cols}"), Tolerance::elementwise()))
}
