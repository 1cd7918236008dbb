use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use serde::Serialize;

use super::classification::{Counts, classes, ratio};
use super::{Averages, ClassScore, TagScheme, check_lengths, input};
use crate::error::Result;

/// How well entities were found, as seqeval says it: one counts only if its name and both of its ends are right.
///
/// ```
/// use wgformer::evaluation::{TagScheme, entities};
///
/// let truth = [["B-PER", "I-PER", "O", "B-LOC"]];
/// let predicted = [["B-PER", "O", "O", "B-LOC"]];
/// let found = entities(&truth, &predicted, TagScheme::Lenient)?;
/// assert_eq!(found.accuracy, 0.75);
/// assert_eq!(found.classes[1].label, "PER");
/// assert_eq!(found.classes[1].score.f1, 0.0); // half of it is none
/// assert_eq!(found.averages.micro.f1, 0.5);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tagging {
    /// The part of all tags that is right.
    pub accuracy: f64,
    /// Of each name of entities that are right or were predicted, in the order of these names.
    pub classes: Vec<ClassScore>,
    /// Over all names.
    pub averages: Averages,
}

/// How well the entities of sequences were found; `truth` and `predicted`: a tag for each token of each sequence.
///
/// See [`Tagging`] for an example.
///
/// # Errors
/// [`crate::Error::Input`] if there are none, or not as many of one as of the other; as [`TagScheme::entities`].
pub fn entities<T: AsRef<str>, P: AsRef<str>>(
    truth: &[impl AsRef<[T]>],
    predicted: &[impl AsRef<[P]>],
    scheme: TagScheme,
) -> Result<Tagging> {
    check_lengths(truth.len(), predicted.len(), "sequences")?;
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let (mut right, mut tokens) = (0, 0);
    for (place, (truth, predicted)) in truth.iter().zip(predicted).enumerate() {
        let (truth, predicted) = (truth.as_ref(), predicted.as_ref());
        if truth.len() != predicted.len() {
            return Err(input(format!(
                "sequence {place} has {} tags, and {} were predicted",
                truth.len(),
                predicted.len()
            )));
        }
        let pairs = truth.iter().zip(predicted);
        right += pairs.filter(|(a, b)| a.as_ref() == b.as_ref()).count();
        tokens += truth.len();
        let truth: HashSet<(&str, Range<usize>)> = scheme.entities(truth)?.into_iter().collect();
        for (name, _) in &truth {
            counts.entry(name).or_default().right += 1;
        }
        for entity in scheme.entities(predicted)? {
            let counts = counts.entry(entity.0).or_default();
            counts.predicted += 1;
            counts.both += usize::from(truth.contains(&entity));
        }
    }
    let (names, counts): (Vec<&str>, Vec<Counts>) = counts.into_iter().unzip();
    Ok(Tagging {
        accuracy: ratio(right as f64, tokens as f64),
        classes: classes(&names, &counts),
        averages: Averages::of(&counts),
    })
}
