//! What came of one kernel on one case.

use std::fmt;

/// How one kernel did on one case.
///
/// ```
/// use wgformer::verify::{Outcome, Values, cases, check};
///
/// let gpu = wgformer::Gpu::new()?;
/// let outcomes = check(&gpu, &cases::softmax(3, 8, Values::Unit)?)?;
/// let closest = outcomes.iter().map(Outcome::share).fold(f64::INFINITY, f64::min);
/// assert!(closest <= 1.0);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The operation, or the name of a model's tensor.
    pub operation: String,
    /// The kernel, by its file stem.
    pub kernel: &'static str,
    /// How the kernel was specialised: the weights' type, its tile, and what depends on the adapter.
    pub variant: String,
    /// The case.
    pub case: String,
    /// The error of the element that is furthest off in relation to its tolerance; the largest number there is if it is NaN.
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
