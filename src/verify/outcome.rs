use std::fmt;

use super::Tolerance;

/// How one kernel did on one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The operation, or the name of a model's tensor.
    pub operation: String,
    /// The kernel, by its file stem.
    pub kernel: &'static str,
    /// How the kernel was specialised: the weights' type, and the subgroup size where it has one.
    pub variant: String,
    /// The case.
    pub case: String,
    /// The error of the element that is furthest off in relation to its tolerance; infinite if it is NaN.
    pub worst: f64,
    /// How far that element may be off.
    pub tolerance: f64,
    /// What is wrong, if anything is.
    pub failure: Option<String>,
}

impl Outcome {
    /// The error as a share of what the tolerance allows; at most 1 is right.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.worst / self.tolerance
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernel,
            variant,
            case,
            ..
        } = self;
        write!(
            f,
            "{kernel} ({variant}) on {case}: {:.3} of the tolerance",
            self.share()
        )?;
        let failure = self.failure.as_ref();
        failure.map_or(Ok(()), |failure| write!(f, ", {failure}"))
    }
}

/// Where a result is furthest from what it should be.
pub(super) struct Comparison {
    pub(super) worst: f64,
    pub(super) tolerance: f64,
    pub(super) failure: Option<String>,
}

impl Comparison {
    /// `guard`: what lies beyond the result, which must still be NaN.
    pub(super) fn new(
        tolerance: &Tolerance,
        result: &[f32],
        guard: &[f32],
        expected: &[f32],
    ) -> Self {
        let pairs = || result.iter().copied().zip(expected.iter().copied());
        let share = |(gpu, reference): (f32, f32)| tolerance.share(gpu, reference);
        let furthest = pairs()
            .enumerate()
            .max_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        let Some((place, (gpu, reference))) = furthest else {
            let failure = (!expected.is_empty()).then(|| "no result".to_owned());
            return Self {
                worst: 0.0,
                tolerance: tolerance.absolute,
                failure,
            };
        };
        let wrong = pairs().filter(|pair| share(*pair) > 1.0).count();
        let written = guard.iter().filter(|value| !value.is_nan()).count();
        let failure = if result.len() != expected.len() {
            Some(format!(
                "{} elements, the reference has {}",
                result.len(),
                expected.len()
            ))
        } else if wrong > 0 {
            let total = expected.len();
            Some(format!(
                "{wrong} of {total} wrong; at {place} the GPU has {gpu}, the reference {reference}"
            ))
        } else if written > 0 {
            Some(format!(
                "wrote {written} elements past the end of its result"
            ))
        } else {
            None
        };
        Self {
            worst: tolerance.error(gpu, reference),
            tolerance: tolerance.allowed(reference),
            failure,
        }
    }
}
