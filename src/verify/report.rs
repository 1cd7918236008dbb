//! What came of all cases, a row for each variant of a kernel.

use std::sync::Arc;

use serde::Serialize;

use super::check::{check, offered};
use super::{Candidate, Case, Outcome, Recipe};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::plan::{fuse, tested};

/// How one variant of a kernel did on all its cases.
///
/// See [`report`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The operation, or the name of a model's tensor.
    pub operation: String,
    /// The kernel, by its file stem.
    pub kernel: &'static str,
    /// How the kernel was specialised: the weights' type, its tile, and what depends on the adapter.
    pub variant: String,
    /// How many cases it ran.
    pub cases: usize,
    /// The error of the element that is furthest off in relation to its tolerance; the largest number there is if it is NaN.
    pub worst: f64,
    /// How far that element may be off.
    pub tolerance: f64,
    /// Whether all of them are right.
    pub verdict: Verdict,
    /// What is wrong, or why it was not run.
    pub reason: Option<String>,
}

/// What was found of a kernel.
///
/// See [`report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// Every result is within its tolerance.
    Pass,
    /// One is not, or the kernel does not compile or run.
    Fail,
    /// This adapter cannot run it.
    Skipped,
}

/// Runs the cases on every kernel: a row for each variant of a kernel, and one for each kernel that could not run at
/// all. `done` is called after each case.
///
/// ```
/// use wgformer::verify::{Recipe, Row, Values, Verdict, cases, report};
///
/// let gpu = wgformer::Gpu::new()?;
/// let softmax: Recipe = Box::new(|| cases::softmax(3, 8, Values::Unit));
/// let rows = report(&gpu, &[softmax], || println!("a case is done"))?;
/// for Row { kernel, variant, verdict, .. } in &rows {
///     println!("{kernel} {variant}: {verdict:?}");
/// }
/// assert!(rows.iter().all(|row| row.verdict != Verdict::Fail));
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`check`].
pub fn report(gpu: &Gpu, cases: &[Recipe], mut done: impl FnMut()) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut others = Vec::new();
    for recipe in cases {
        let case = recipe()?;
        for outcome in check(gpu, &case)? {
            add(&mut rows, &outcome);
        }
        others.extend(offered_elsewhere(gpu, &case));
        done();
    }
    let mut skipped: Vec<Row> = Vec::new();
    for (operation, candidate) in others {
        let row = skip(gpu, operation, &candidate);
        let is_there =
            |other: &Row| (&other.operation, other.kernel) == (&row.operation, row.kernel);
        if !rows.iter().any(is_there) && !skipped.contains(&row) {
            skipped.push(row);
        }
    }
    rows.extend(skipped);
    rows.sort_by(|a, b| {
        (&a.operation, a.kernel, &a.variant).cmp(&(&b.operation, b.kernel, &b.variant))
    });
    Ok(rows)
}

/// A row for each variant of a kernel, in the order of their first appearance.
///
/// ```
/// use wgformer::verify::{Values, cases, check, rows};
///
/// let gpu = wgformer::Gpu::new()?;
/// let outcomes = check(&gpu, &cases::softmax(3, 8, Values::Unit)?)?;
/// assert_eq!(rows(&outcomes)[0].cases, 1);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[must_use]
pub fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut rows = Vec::new();
    outcomes.iter().for_each(|outcome| add(&mut rows, outcome));
    rows
}

fn add(rows: &mut Vec<Row>, outcome: &Outcome) {
    let is_same = |row: &&mut Row| {
        (&row.operation, row.kernel, &row.variant)
            == (&outcome.operation, outcome.kernel, &outcome.variant)
    };
    let Some(row) = rows.iter_mut().find(is_same) else {
        rows.push(Row {
            operation: outcome.operation.clone(),
            kernel: outcome.kernel,
            variant: outcome.variant.clone(),
            cases: 1,
            worst: outcome.worst,
            tolerance: outcome.tolerance,
            verdict: if outcome.failure.is_some() {
                Verdict::Fail
            } else {
                Verdict::Pass
            },
            reason: reason(outcome),
        });
        return;
    };
    row.cases += 1;
    if outcome.share() > row.worst / row.tolerance {
        (row.worst, row.tolerance) = (outcome.worst, outcome.tolerance);
    }
    if outcome.failure.is_some() {
        row.verdict = Verdict::Fail;
        row.reason = row.reason.take().or_else(|| reason(outcome)); // the first is the simplest
    }
}

fn reason(outcome: &Outcome) -> Option<String> {
    let failure = outcome.failure.as_ref()?;
    Some(format!("{}: {failure}", outcome.case))
}

/// The variants that an adapter with every feature would be offered for a case.
fn offered_elsewhere(gpu: &Gpu, case: &Case) -> Vec<(&'static str, Candidate)> {
    let mut capabilities = gpu.capabilities().clone();
    capabilities.features = wgpu::Features::all();
    capabilities.cooperative_matrices = vec![8, 16];
    capabilities.info.subgroup_min_size = SUBGROUP_SIZE;
    capabilities.info.subgroup_max_size = SUBGROUP_SIZE;
    let candidates = offered(&capabilities, &Arc::new(fuse(&case.graph))).into_iter();
    candidates
        .map(|candidate| (case.operation, candidate))
        .collect()
}

/// One that every kernel of this crate can use.
const SUBGROUP_SIZE: u32 = 8;

fn skip(gpu: &Gpu, operation: &str, candidate: &Candidate) -> Row {
    let kernel = candidate.variant.kernel;
    let obstacle = tested(gpu).obstacle(kernel);
    Row {
        operation: operation.to_owned(),
        kernel: kernel.name,
        variant: candidate.weight_type().to_string(),
        cases: 0,
        worst: 0.0,
        tolerance: 0.0,
        verdict: Verdict::Skipped,
        reason: Some(
            obstacle
                .unwrap_or_else(|| "no case of the table fits this adapter's limits".to_owned()),
        ),
    }
}
