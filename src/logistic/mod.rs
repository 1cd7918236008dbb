//! Multinomial logistic regression on the host, in f64, to its optimum: what `tasks` fits on a model's embeddings.

mod newton;
mod problem;
mod validation;

use std::fmt;

use problem::Problem;
pub use validation::{Strength, Validation, validate};

use crate::error::{Error, Result};

/// A linear layer whose softmax tells classes apart, with an L2 penalty (Cox, 1958; Hoerl and Kennard, 1970).
///
/// It is the minimum of `C · Σ weight_i · loss_i + ½ ‖coefficients‖²`, over the samples' cross-entropies, with intercepts
/// that are not penalised: the objective of scikit-learn's `LogisticRegression` and, for two classes, its one row of
/// coefficients, the logit of the second class, that of the first being 0.
///
/// ```
/// use wgformer::logistic::{LogisticOptions, LogisticRegression};
///
/// let features = [0.0, 0.1, 0.9, 1.0]; // [samples, inputs]
/// let options = LogisticOptions::default().c(10.0);
/// let fitted = LogisticRegression::fit(&features, &[0, 0, 1, 1], &options)?;
/// assert_eq!(fitted.predict(&[0.2, 0.8]), [0, 1]);
/// assert_eq!((fitted.inputs(), fitted.classes()), (1, 2));
/// println!("{:?} {:?}", fitted.coefficients(), fitted.intercepts());
///
/// let (weight, bias) = fitted.layer(); // a row for each class
/// assert_eq!(fitted.logits(&[0.2]), [0.0, weight[1] * f64::from(0.2_f32) + bias[1]]);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    classes: usize,
    inputs: usize,
    /// `[inputs + 1, rows]`, the last row the intercepts.
    parameters: Vec<f64>,
}

/// How a [`LogisticRegression`] is fitted.
///
/// ```
/// use wgformer::logistic::{ClassWeight, LogisticOptions};
///
/// let options = LogisticOptions::default().c(10.0).class_weight(ClassWeight::Balanced);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogisticOptions {
    pub(crate) c: f64,
    pub(crate) class_weight: ClassWeight,
}

/// How much each sample counts.
///
/// See [`LogisticOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassWeight {
    /// All the same.
    #[default]
    None,
    /// Each class as a whole the same: `samples / (classes · samples of the class)`.
    Balanced,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self {
            c: 1.0,
            class_weight: ClassWeight::None,
        }
    }
}

impl LogisticOptions {
    /// How much the samples count against the penalty, more than 0: the inverse of its strength; 1 by default.
    #[must_use]
    pub fn c(self, c: f64) -> Self {
        Self { c, ..self }
    }

    /// How much each sample counts; all the same by default.
    #[must_use]
    pub fn class_weight(self, class_weight: ClassWeight) -> Self {
        Self {
            class_weight,
            ..self
        }
    }
}

impl LogisticRegression {
    /// Fits `features`, `[samples, inputs]` row-major, to `labels`, the class of each sample, counted from 0 without gaps.
    ///
    /// # Errors
    /// [`Error::Input`] if there are fewer than two classes, a class without samples, features that are no rows or not
    /// finite, or if C is not above 0 or too large for a minimum to be reached.
    pub fn fit(features: &[f32], labels: &[usize], options: &LogisticOptions) -> Result<Self> {
        let problem = Problem::new(features, labels, options)?;
        let parameters = newton::minimize(&problem, vec![0.0; problem.parameters()])?;
        Ok(Self::of(&problem, parameters))
    }

    fn of(problem: &Problem<'_>, parameters: Vec<f64>) -> Self {
        Self {
            classes: problem.classes,
            inputs: problem.inputs,
            parameters,
        }
    }

    /// How many features a sample has.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many classes there are.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Scikit-learn's `coef_`: `[classes, inputs]`, of two classes `[1, inputs]`.
    #[must_use]
    pub fn coefficients(&self) -> Vec<f64> {
        let rows = self.rows();
        let row = |row| (0..self.inputs).map(move |input| self.parameters[input * rows + row]);
        (0..rows).flat_map(row).collect()
    }

    /// Scikit-learn's `intercept_`: `[classes]`, of two classes `[1]`.
    #[must_use]
    pub fn intercepts(&self) -> &[f64] {
        &self.parameters[self.inputs * self.rows()..]
    }

    /// The linear layer: its weight, `[classes, inputs]`, and its bias, `[classes]`; of two classes the first has zeros.
    #[must_use]
    pub fn layer(&self) -> (Vec<f64>, Vec<f64>) {
        let pinned = self.classes - self.rows();
        let mut weight = vec![0.0; pinned * self.inputs];
        let mut bias = vec![0.0; pinned];
        weight.extend(self.coefficients());
        bias.extend(self.intercepts());
        (weight, bias)
    }

    /// The logits of samples: `[samples, classes]`, from `features`, `[samples, inputs]`.
    #[must_use]
    pub fn logits(&self, features: &[f32]) -> Vec<f64> {
        let rows = self.rows();
        let mut logits = Vec::with_capacity(features.len() / self.inputs.max(1) * self.classes);
        let mut own = vec![0.0; rows];
        for sample in features.chunks_exact(self.inputs.max(1)) {
            problem::scores(sample, &self.parameters, &mut own);
            logits.extend(std::iter::repeat_n(0.0, self.classes - rows));
            logits.extend_from_slice(&own);
        }
        logits
    }

    /// The class of each sample of `features`, `[samples, inputs]`; of equally likely ones the first.
    #[must_use]
    pub fn predict(&self, features: &[f32]) -> Vec<usize> {
        let logits = self.logits(features);
        let best = |logits: &[f64]| {
            (1..logits.len()).fold(
                0,
                |best, it| if logits[it] > logits[best] { it } else { best },
            )
        };
        logits.chunks_exact(self.classes).map(best).collect()
    }

    /// How many rows of parameters there are.
    fn rows(&self) -> usize {
        problem::rows(self.classes)
    }
}

impl fmt::Display for ClassWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Balanced => "balanced",
        })
    }
}

fn refused(name: &str, message: String) -> Error {
    Error::Input {
        name: name.to_owned(),
        message,
    }
}
