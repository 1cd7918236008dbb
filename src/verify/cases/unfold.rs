use super::super::Tolerance;
use super::super::builder::{Builder, describe};
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let mut push = |lengths: &'static [usize], cols, size, values| {
        table.push(Box::new(move || unfold(lengths, cols, size, values)));
    };
    // Fewer neighbours than sequences are long, and more.
    for size in [1, 3, 5, 9, 31] {
        for cols in [1, 4, 7, 36] {
            push(&[1], cols, size, Values::Unit);
            push(&[3, 0, 1, 70, 8], cols, size, Values::Unit);
        }
    }
    for values in Values::ALL {
        push(&[2, 17], 12, 3, values);
    }
    push(&[128, 40], 1536, 3, Values::Unit); // DeBERTa-v2-xlarge
    push(&[1; super::MANY], 4, 3, Values::Unit);
    table
}

/// Each token of sequences of `lengths` tokens with `cols` columns beside its neighbours, `size` together.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn unfold(lengths: &[usize], cols: usize, size: usize, values: Values) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let x = case.input("x", cols, values);
    case.graph.unfold(x, segment_offsets, size)?;
    let lengths = describe(lengths);
    let name = format!("{lengths} tokens x {cols}, {size} side by side{values}");
    Ok(case.finish(name, Tolerance::elementwise()))
}
