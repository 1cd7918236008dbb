use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    for (rows, cols) in [
        (1, 1),
        (2, 7),
        (3, 8),
        (5, 63),
        (9, 96),    // answerai-colbert-small
        (130, 128), // ColBERT
        (33, 1024), // BGE-M3
        (2, 1500),
    ] {
        for values in Values::ALL {
            table.push(Box::new(move || normalize(rows, cols, values)));
        }
    }
    table.push(Box::new(|| normalize(super::MANY, 2, Values::Unit)));
    table
}

/// Rows of `[rows, cols]` brought to length 1.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn normalize(rows: usize, cols: usize, values: Values) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, values);
    case.graph.normalize(x)?;
    let tolerance = Tolerance::norm(cols, 1.0, 1.0); // squares add up without cancelling
    Ok(case.finish(format!("{rows} x {cols}{values}"), tolerance))
}
