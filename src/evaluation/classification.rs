use std::collections::BTreeSet;

use serde::Serialize;

use super::check_lengths;
use crate::error::Result;

/// How good predicted labels are, as scikit-learn's `classification_report` and `confusion_matrix` say it.
///
/// ```
/// use wgformer::evaluation::{Averages, ClassScore, Score, classification};
///
/// let (truth, predicted) = (["cat", "cat", "dog"], ["cat", "dog", "dog"]);
/// let found = classification(&truth, &predicted)?;
/// assert_eq!(found.accuracy, 2.0 / 3.0);
/// assert_eq!(found.labels(), ["cat", "dog"]);
/// assert_eq!(found.confusion, [[1, 1], [0, 1]]);
/// for ClassScore { label, score, .. } in &found.classes {
///     let Score { precision, recall, f1, support, .. } = score;
///     println!("{label}: {precision:.3} {recall:.3} {f1:.3} {support}");
/// }
/// let Averages { macro_, weighted, .. } = found.averages;
/// assert_eq!((macro_.recall, weighted.support), (0.75, 3));
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Classification {
    /// The part of all predictions that is right.
    pub accuracy: f64,
    /// Of each label that is right or was predicted somewhere, in the order of their names.
    pub classes: Vec<ClassScore>,
    /// Over all labels.
    pub averages: Averages,
    /// How often the label of a row, in the order of `classes`, was taken for that of a column: `[labels, labels]`.
    pub confusion: Vec<Vec<usize>>,
}

/// A label, and how well it was found.
///
/// See [`Classification`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassScore {
    /// Its name.
    pub label: String,
    /// How well.
    #[serde(flatten)]
    pub score: Score,
}

/// Precision, recall and their harmonic mean (van Rijsbergen, "Information Retrieval", 1979), each from 0 to 1.
///
/// Where one would divide by zero it is 0, as scikit-learn and seqeval have it by default: the precision of a label that is
/// never predicted, the recall of one that is never right.
///
/// See [`Classification`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Score {
    /// Of what was predicted, the part that is right.
    pub precision: f64,
    /// Of what is right, the part that was predicted.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// How many are right.
    pub support: usize,
}

/// Scores of several labels in one.
///
/// See [`Classification`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Averages {
    /// Of all predictions together, whatever their label.
    pub micro: Score,
    /// The mean over labels.
    #[serde(rename = "macro")]
    pub macro_: Score,
    /// The mean over labels, each as often as it is right.
    pub weighted: Score,
}

/// What is counted of a label.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Predicted, and right.
    pub(super) both: usize,
    pub(super) predicted: usize,
    pub(super) right: usize,
}

/// How good predicted labels are; `truth` and `predicted`: a label each for the same things.
///
/// See [`Classification`] for an example.
///
/// # Errors
/// [`crate::Error::Input`] if there are none, or not as many of one as of the other.
pub fn classification<T: AsRef<str>, P: AsRef<str>>(
    truth: &[T],
    predicted: &[P],
) -> Result<Classification> {
    check_lengths(truth.len(), predicted.len(), "labels")?;
    let truth: Vec<&str> = truth.iter().map(AsRef::as_ref).collect();
    let predicted: Vec<&str> = predicted.iter().map(AsRef::as_ref).collect();
    let labels: BTreeSet<&str> = truth.iter().chain(&predicted).copied().collect();
    let labels: Vec<&str> = labels.into_iter().collect();
    let place = |label: &&str| labels.binary_search(label).expect("it is one of them");
    let mut confusion = vec![vec![0; labels.len()]; labels.len()];
    for (right, found) in truth.iter().zip(&predicted) {
        confusion[place(right)][place(found)] += 1;
    }
    let counts: Vec<Counts> = (0..labels.len())
        .map(|label| Counts {
            both: confusion[label][label],
            predicted: confusion.iter().map(|row| row[label]).sum(),
            right: confusion[label].iter().sum(),
        })
        .collect();
    let both: usize = counts.iter().map(|it| it.both).sum();
    Ok(Classification {
        accuracy: ratio(both as f64, truth.len() as f64),
        classes: classes(&labels, &counts),
        averages: Averages::of(&counts),
        confusion,
    })
}

impl Classification {
    /// The names of the labels, in the order of rows and columns.
    #[must_use]
    pub fn labels(&self) -> Vec<&str> {
        self.classes.iter().map(|it| it.label.as_str()).collect()
    }
}

impl Averages {
    pub(super) fn of(counts: &[Counts]) -> Self {
        let sum = |of: fn(&Counts) -> usize| counts.iter().map(of).sum();
        let all = Counts {
            both: sum(|it| it.both),
            predicted: sum(|it| it.predicted),
            right: sum(|it| it.right),
        };
        Self {
            micro: Score::of(all),
            macro_: mean(counts, |_| 1.0),
            weighted: mean(counts, |it| it.right as f64),
        }
    }
}

impl Score {
    fn of(counts: Counts) -> Self {
        let Counts {
            both,
            predicted,
            right,
        } = counts;
        Self {
            precision: ratio(both as f64, predicted as f64),
            recall: ratio(both as f64, right as f64),
            f1: ratio(2.0 * both as f64, (predicted + right) as f64),
            support: right,
        }
    }
}

pub(super) fn classes(labels: &[&str], counts: &[Counts]) -> Vec<ClassScore> {
    let scores = labels.iter().zip(counts).map(|(label, counts)| ClassScore {
        label: (*label).to_owned(),
        score: Score::of(*counts),
    });
    scores.collect()
}

/// Of labels with these weights.
fn mean(counts: &[Counts], weight: impl Fn(&Counts) -> f64) -> Score {
    let weights: f64 = counts.iter().map(&weight).sum();
    let of = |value: fn(Score) -> f64| {
        let values = counts.iter().map(|it| weight(it) * value(Score::of(*it)));
        ratio(values.sum(), weights)
    };
    Score {
        precision: of(|it| it.precision),
        recall: of(|it| it.recall),
        f1: of(|it| it.f1),
        support: counts.iter().map(|it| it.right).sum(),
    }
}

/// 0 where there is nothing to divide by.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
