use super::super::Tolerance;
use super::super::builder::{Builder, describe};
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::ops::Pooling;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    let mut push = |lengths: &'static [usize], hidden, pooling, normalize, values| {
        table.push(Box::new(move || {
            pool(lengths, hidden, pooling, normalize, values)
        }));
    };
    for pooling in [
        Pooling::Mean,
        Pooling::Max,
        Pooling::Cls,
        Pooling::Last,
        Pooling::MeanSqrtLen,
        Pooling::WeightedMean,
    ] {
        for normalize in [false, true] {
            push(&[1], 1, pooling, normalize, Values::Unit);
            push(&[3, 0, 1, 70], 130, pooling, normalize, Values::Unit);
            push(&[0, 2, 13], 384, pooling, normalize, Values::Unit);
        }
        for values in Values::ALL {
            push(&[1, 9, 40], 36, pooling, false, values);
            push(&[1, 9, 40], 36, pooling, true, values);
        }
    }
    push(&[512, 2048], 8, Pooling::Mean, true, Values::Unit);
    push(&[197], 768, Pooling::Mean, true, Values::Unit); // BERT-base and ViT-B
    push(&[1; super::MANY], 4, Pooling::Mean, true, Values::Unit);
    table
}

/// One vector of `hidden` columns for each sequence of `lengths` tokens.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn pool(
    lengths: &[usize],
    hidden: usize,
    pooling: Pooling,
    normalize: bool,
    values: Values,
) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let x = case.input("x", hidden, values);
    case.graph.pool(x, segment_offsets, pooling, normalize)?;
    let lengths = describe(lengths);
    let length = if normalize { " normalised" } else { "" };
    // A mean may be small, and then its length magnifies the rounding of its sum.
    let tolerance = if normalize {
        Tolerance::norm(hidden, values.magnitude(), 0.1)
    } else {
        Tolerance::dot(case.sizes.longest).scaled(values.magnitude())
    };
    let name = format!("{lengths} tokens x {hidden} {pooling:?}{length}{values}");
    Ok(case.finish(name, tolerance))
}
