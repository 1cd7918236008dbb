use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use super::layer_norm::deviation;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let mut push = |rows, cols, values, residual| {
        table.push(Box::new(move || rms_norm(rows, cols, values, residual)));
    };
    for (rows, cols) in [(1, 1), (2, 7), (5, 63), (4, 68), (130, 384), (2, 1500)] {
        for values in Values::ALL {
            push(rows, cols, values, false);
        }
        push(rows, cols, Values::Unit, true);
    }
    for cols in [4, 32, 256, 768, 1024, 3072] {
        push(3, cols, Values::Unit, cols > 256);
    }
    push(super::MANY, 4, Values::Unit, false);
    table
}

/// RMS norm of `[rows, cols]`, of the sum of two such if `residual` is set.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn rms_norm(rows: usize, cols: usize, values: Values, residual: bool) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let mut x = case.input("x", cols, values);
    if residual {
        let residual = case.input("residual", cols, values);
        x = case.graph.add(x, residual)?;
    }
    let weight = case.parameter("weight", [cols]);
    case.graph.rms_norm(x, weight, super::layer_norm::EPS)?;
    let sum = if residual { " + residual" } else { "" };
    // What rows are divided by at least: far from zero it is about as much as they are.
    let divisor = match values {
        Values::Offset => values.magnitude() / 2.0,
        _ => deviation(cols, values),
    };
    let tolerance = Tolerance::norm(cols, values.magnitude(), divisor);
    Ok(case.finish(format!("{rows} x {cols}{sum}{values}"), tolerance))
}
