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
        (4, 65),
        (130, 384),
        (33, 197), // ViT-B
        (2, 1500),
    ] {
        for values in Values::ALL {
            table.push(Box::new(move || softmax(rows, cols, values)));
        }
    }
    table.push(Box::new(|| softmax(super::MANY, 2, Values::Unit)));
    table
}

/// Softmax of `[rows, cols]`.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn softmax(rows: usize, cols: usize, values: Values) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, values);
    case.graph.softmax(x)?;
    let tolerance = Tolerance::exponentials(cols, values.range());
    Ok(case.finish(format!("{rows} x {cols}{values}"), tolerance))
}
