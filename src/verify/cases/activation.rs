use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::ops::Activation;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let kinds = Activation::ALL.into_iter().cycle();
    for ((rows, cols), kind) in super::ELEMENTWISE.into_iter().zip(kinds) {
        table.push(Box::new(move || {
            activation(rows, cols, kind, Values::Extreme)
        }));
    }
    for kind in Activation::ALL {
        for values in Values::ALL {
            table.push(Box::new(move || activation(9, 130, kind, values)));
        }
    }
    table
}

/// An activation of `[rows, cols]`; `values`: what it holds.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn activation(rows: usize, cols: usize, kind: Activation, values: Values) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let x = case.input("x", cols, values);
    case.graph.activation(x, kind)?;
    Ok(case.finish(
        format!("{rows} x {cols} {kind:?}{values}"),
        Tolerance::elementwise(),
    ))
}
