use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let mut push = |rows, cols, values, residual| {
        table.push(Box::new(move || layer_norm(rows, cols, values, residual)));
    };
    for (rows, cols) in [
        (1, 1),
        (2, 7),
        (3, 8),
        (5, 63),
        (4, 68),
        (130, 384),
        (2, 1500),
    ] {
        for values in Values::ALL {
            push(rows, cols, values, false);
        }
        push(rows, cols, Values::Unit, true);
    }
    for cols in [2, 4, 31, 32, 33, 64, 127, 256, 257, 768, 1024, 3072] {
        push(3, cols, Values::Unit, cols % 2 == 0);
    }
    push(super::MANY, 4, Values::Unit, false);
    table
}

/// Layer norm of `[rows, cols]`, of the sum of two such if `residual` is set.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn layer_norm(rows: usize, cols: usize, values: Values, residual: bool) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let mut x = case.input("x", cols, values);
    if residual {
        let residual = case.input("residual", cols, values);
        x = case.graph.add(x, residual)?;
    }
    let (weight, bias) = (
        case.parameter("weight", [cols]),
        case.parameter("bias", [cols]),
    );
    case.graph.layer_norm(x, weight, bias, EPS)?;
    let sum = if residual { " + residual" } else { "" };
    let tolerance = Tolerance::norm(cols, values.magnitude(), deviation(cols, values));
    Ok(case.finish(format!("{rows} x {cols}{sum}{values}"), tolerance))
}

/// Large enough that a row of one column or of equal values does not divide by next to nothing.
pub(super) const EPS: f32 = 1e-2;

/// What rows are divided by at least: numbers spread over [-1, 1] have a deviation of 0.58, and a few of them may have any.
pub(super) fn deviation(cols: usize, values: Values) -> f32 {
    if cols < 8 || matches!(values, Values::Equal) {
        EPS.sqrt()
    } else {
        0.25
    }
}
