//! How good predictions are: plain functions over what is right and what was predicted, whose values are those of
//! scikit-learn, seqeval and SciPy on the same predictions.

mod classification;
mod correlation;
mod entities;
mod ranking;
mod tag_scheme;

pub use classification::{Averages, ClassScore, Classification, Score, classification};
pub use correlation::{pearson, spearman};
pub use entities::{Tagging, entities};
pub use ranking::{ndcg, reciprocal_rank};
pub use tag_scheme::TagScheme;

use crate::error::{Error, Result};

/// # Errors
/// [`Error::Input`] if there are not as many of one as of the other, or none.
fn check_lengths(truth: usize, predicted: usize, things: &str) -> Result<()> {
    let message = match (truth, predicted) {
        (0, 0) => format!("there are no {things}, and nothing to measure"),
        (a, b) if a != b => format!("{b} {things} were predicted, and {a} are right"),
        _ => return Ok(()),
    };
    Err(input(message))
}

/// # Errors
/// [`Error::Input`] if one is no number.
fn check_numbers(name: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(place) => Err(input(format!(
            "{name} {place} is {}, and must be a number",
            values[place]
        ))),
    }
}

fn input(message: String) -> Error {
    Error::Input {
        name: "predictions".to_owned(),
        message,
    }
}
