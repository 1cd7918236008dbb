//! A result beside what it should be.

use super::Tolerance;
use crate::error::Error;
use crate::plan::{Trace, UNTOUCHED};

/// Where a result is furthest from what it should be, and what is wrong with it, if anything is.
pub(super) struct Comparison {
    pub(super) worst: f64,
    pub(super) tolerance: f64,
    pub(super) failure: Option<String>,
}

impl Comparison {
    pub(super) fn new(tolerance: &Tolerance, trace: &Trace, expected: &[f32]) -> Self {
        let pairs = || trace.result.iter().copied().zip(expected.iter().copied());
        let share = |(gpu, reference): (f32, f32)| tolerance.share(gpu, reference);
        let furthest = pairs()
            .enumerate()
            .max_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        let (found, total) = (trace.result.len(), expected.len());
        let wrong = pairs().filter(|pair| share(*pair) > 1.0).count();
        let is_touched = |value: &&f32| value.to_bits() != UNTOUCHED.to_bits();
        let written = trace.guard.iter().filter(is_touched).count();
        let failure = match furthest {
            _ if found != total => Some(format!("{found} elements, the reference has {total}")),
            Some((place, (gpu, reference))) if wrong > 0 => Some(format!(
                "{wrong} of {total} wrong; at {place} the GPU has {gpu}, the reference {reference}"
            )),
            _ if written > 0 => Some(format!(
                "wrote {written} elements past the end of its result"
            )),
            _ => None,
        };
        let (gpu, reference) = furthest.map_or((0.0, 0.0), |(_, pair)| pair);
        Self {
            worst: tolerance.error(gpu, reference),
            tolerance: tolerance.allowed(reference),
            failure,
        }
    }

    /// There is no result.
    pub(super) fn failed(tolerance: &Tolerance, error: &Error) -> Self {
        Self {
            worst: f64::MAX,
            tolerance: tolerance.absolute,
            failure: Some(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON has no other numbers.
    #[test]
    fn an_error_is_a_finite_number_even_where_the_gpu_has_none() {
        for value in [f32::NAN, f32::INFINITY] {
            let trace = Trace {
                result: vec![value],
                guard: vec![],
            };
            let compared = Comparison::new(&Tolerance::elementwise(), &trace, &[1.0]);
            assert!(compared.worst.is_finite() && compared.failure.is_some());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let failure = |result: &[f32], guard: &[f32], expected: &[f32]| {
            let trace = Trace {
                result: result.to_vec(),
                guard: guard.to_vec(),
            };
            Comparison::new(&Tolerance::elementwise(), &trace, expected)
                .failure
                .unwrap_or_default()
        };
        let nan = f32::NAN;
        assert_eq!(failure(&[1.0, 2.0], &[UNTOUCHED], &[1.0, 2.0]), "");
        assert!(failure(&[1.0, nan], &[nan], &[1.0, 2.0]).starts_with("1 of 2 wrong; at 1"));
        assert!(failure(&[1.0], &[nan], &[1.0, 2.0]).starts_with("1 elements"));
        assert!(failure(&[], &[UNTOUCHED, nan], &[]).starts_with("wrote 1 elements past"));
    }
}
