use super::super::Tolerance;
use super::super::builder::{Builder, describe};
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::tensor::Dim;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    for (lengths, queries, cols) in [
        (&[1][..], 1, 1),
        (&[0, 3, 0, 1, 31, 32, 33], 5, 7),
        (&[64, 2, 65], 32, 96), // answerai-colbert-small
        (&[180, 9], 32, 128),   // ColBERT
        (&[7, 40], 33, 17),
        (&[300], 70, 1024), // BGE-M3
    ] {
        for values in Values::ALL {
            table.push(Box::new(move || max_sim(lengths, queries, cols, values)));
        }
    }
    table.push(Box::new(|| max_sim(&[1; super::MANY], 2, 3, Values::Unit)));
    table
}

/// MaxSim of `[queries, cols]` with sequences of `lengths` rows.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn max_sim(lengths: &[usize], queries: usize, cols: usize, values: Values) -> Result<Case> {
    let (mut case, segment_offsets) = Builder::segments(lengths);
    let own = Values::Unit.fill(&mut case.random, queries * cols);
    case.inputs.push(own.into());
    let shape = [Dim::Fixed(queries), Dim::Fixed(cols)];
    let of_queries = case.graph.input("queries", shape);
    let x = case.input("x", cols, values);
    case.graph.max_sim(of_queries, x, segment_offsets)?;
    // Each maximum is as far off as a product, and their sum adds its own roundings.
    let magnitude = values.magnitude() * (queries as f32).sqrt();
    let tolerance = Tolerance::dot(cols + queries).scaled(magnitude);
    let name = format!(
        "{} tokens x {cols}, {queries} queries{values}",
        describe(lengths)
    );
    Ok(case.finish(name, tolerance))
}
