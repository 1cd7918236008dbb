use super::super::Tolerance;
use super::super::case::{Builder, Case, Recipe, Values};
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    for (rows, cols) in [
        (1, 1),
        (2, 7),
        (3, 8),
        (9, 7), // one less than a workgroup's 64 elements
        (8, 8),
        (5, 13),
        (130, 384),
        (super::MANY, 65),
    ] {
        table.push(Box::new(move || gelu(rows, cols)));
        table.push(Box::new(move || add(rows, cols)));
    }
    table
}

/// A gelu of `[rows, cols]`, of values in [-80, 80].
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn gelu(rows: usize, cols: usize) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, Values::Extreme);
    case.graph.gelu(x)?;
    Ok(case.finish("gelu", format!("{rows} x {cols}"), Tolerance::elementwise()))
}

/// A sum of two `[rows, cols]`.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn add(rows: usize, cols: usize) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let (a, b) = (
        case.input("a", cols, Values::Unit),
        case.input("b", cols, Values::Unit),
    );
    case.graph.add(a, b)?;
    Ok(case.finish("add", format!("{rows} x {cols}"), Tolerance::elementwise()))
}
