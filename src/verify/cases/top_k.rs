use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::tensor::Dim;

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    // Fewer columns than k, as many, and more; more of both than lanes, and than loops of few lanes get through.
    for (rows, cols, k) in [
        (1, 1, 1),
        (2, 7, 3),
        (3, 8, 8),
        (9, 12, 40),
        (17, 1000, 10),
        (2, 5000, 1000),
    ] {
        for best in [false, true] {
            for values in Values::ALL {
                table.push(Box::new(move || top_k(rows, cols, k, best, values)));
            }
        }
    }
    table.push(Box::new(|| top_k(1, 70_000, 70_000, true, Values::Unit)));
    table
}

/// The `k` largest of each of `rows` rows of `cols` scores, some of them equal, of which the last does not count if
/// there are several; with `best`, also of the best of others, some of them nothing in every second row and some equal to the row's own.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn top_k(rows: usize, cols: usize, k: usize, best: bool, values: Values) -> Result<Case> {
    let mut case = Builder::rows(rows);
    let mut scores = values.fill(&mut case.random, rows * cols);
    for row in scores.chunks_mut(cols) {
        (1..cols).step_by(3).for_each(|at| row[at] = row[at / 2]);
    }
    let before: Vec<f32> = (0..)
        .zip(scores.chunks(cols))
        .flat_map(|(row, scores)| best_before(scores, k, row % 2 * k / 4))
        .collect();
    case.inputs.push(scores.into());
    let scores = case.graph.input("scores", [Dim::Tokens, cols.into()]);
    let best = best.then(|| {
        case.inputs.push(before.into());
        case.graph.input("best", [Dim::Tokens, (2 * k).into()])
    });
    let first = if best.is_some() { 4 * k } else { 0 };
    let count = cols - usize::from(cols > 1);
    case.graph.top_k(scores, best, first..first + count, k)?;
    let before = if best.is_some() { " and best" } else { "" };
    let name = format!("{k} of {rows} x {cols}{before}{values}");
    Ok(case.finish(name, Tolerance::elementwise()))
}

/// So much of nothing, then what the row itself has, at places below 4 k.
fn best_before(row: &[f32], k: usize, nothing: usize) -> Vec<f32> {
    let score = |i: usize| {
        if i < nothing {
            f32::MIN
        } else {
            row[5 * i % row.len()]
        }
    };
    let place = |i: usize| {
        if i < nothing {
            -1.0
        } else {
            (4 * i + 1) as f32
        }
    };
    (0..k).map(score).chain((0..k).map(place)).collect()
}
