use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::plan::SUBMIT_TIME;
use crate::tensor::WeightType;

/// What says how near two vectors are.
///
/// See [`IndexOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Metric {
    /// The cosine of the angle between them, from -1 to 1; 0 if either is all zeros.
    #[default]
    Cosine,
    /// The sum of the products of their elements, which is the cosine where both have length 1.
    DotProduct,
}

impl Metric {
    /// A vector such that the dot product of two is the score.
    pub(crate) fn scaled(self, vector: &[f32]) -> Cow<'_, [f32]> {
        let length = length(vector);
        if self == Self::DotProduct || length == 0.0 {
            return Cow::Borrowed(vector);
        }
        let scaled = |x: &f32| (f64::from(*x) / length) as f32;
        vector.iter().map(scaled).collect()
    }
}

/// The root of the sum of squares, in f64, where no square of an f32 overflows.
pub(super) fn length(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|x| f64::from(*x) * f64::from(*x));
    squares.sum::<f64>().sqrt()
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cosine => "cosine",
            Self::DotProduct => "dot product",
        })
    }
}

/// How an [`Index`](super::Index) compares vectors and stores them.
///
/// ```
/// use std::time::Duration;
/// use wgformer::index::{IndexOptions, Metric};
/// use wgformer::tensor::WeightType;
///
/// let options = IndexOptions::default()
///     .metric(Metric::DotProduct)
///     .weight_type(WeightType::F16)
///     .memory_budget(256 << 20)
///     .submit_time(Duration::from_millis(20));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IndexOptions {
    /// The cosine, or what a file says, where there is none.
    pub(super) metric: Option<Metric>,
    pub(super) weight_type: WeightType,
    pub(super) memory_budget: Option<u64>,
    pub(super) submit_time: Duration,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            metric: None,
            weight_type: WeightType::F32,
            memory_budget: None,
            submit_time: SUBMIT_TIME,
        }
    }
}

impl IndexOptions {
    /// What scores are: the cosine, unless this says otherwise, or a file that is loaded.
    #[must_use]
    pub fn metric(self, metric: Metric) -> Self {
        Self {
            metric: Some(metric),
            ..self
        }
    }

    /// What vectors are stored as on the device: f32, unless this says otherwise. f16 and int8 take a half and a
    /// quarter of the memory, and scores are then those of the rounded vectors.
    #[must_use]
    pub fn weight_type(self, weight_type: WeightType) -> Self {
        Self {
            weight_type,
            ..self
        }
    }

    /// The most bytes that the index may take on the device, its vectors and all searches that are under way, without
    /// bound by default: fewer queries run at once, and runs wait for one another. Vectors and searches that do not fit
    /// are refused.
    #[must_use]
    pub fn memory_budget(self, memory_budget: u64) -> Self {
        Self {
            memory_budget: Some(memory_budget),
            ..self
        }
    }

    /// The longest that one submit of a search is meant to take, [`SUBMIT_TIME`] by default.
    #[must_use]
    pub fn submit_time(self, submit_time: Duration) -> Self {
        Self {
            submit_time,
            ..self
        }
    }
}
