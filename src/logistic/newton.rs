//! Newton's method, whose steps conjugate gradients find (Nocedal and Wright, "Numerical Optimization", 2006, algorithm
//! 7.1): the objective is convex and smooth, so that its minimum is reached to the last digits in some ten steps.
//!
//! A page of code rather than a crate of optimisers: argmin 0.11, which would do, brings a dozen crates more, one of them
//! (paste) without anybody who keeps it, for what is shorter than the calls to it.

use super::problem::{At, Problem};
use super::refused;
use crate::error::Result;

/// What is left of the largest element of the gradient, of what there was without any coefficient.
const TOLERANCE: f64 = 1e-10;
const MOST_STEPS: usize = 200;
const MOST_HALVINGS: usize = 40;

/// The parameters where the objective is least, looked for from `parameters` on.
///
/// # Errors
/// [`crate::Error::Input`] if the minimum is too far off: C is too large for classes that a plane separates.
pub(super) fn minimize(problem: &Problem<'_>, mut parameters: Vec<f64>) -> Result<Vec<f64>> {
    let without = problem.at(&vec![0.0; parameters.len()]);
    let tolerance = TOLERANCE * largest(&without.gradient);
    let mut at = problem.at(&parameters);
    for _ in 0..MOST_STEPS {
        if largest(&at.gradient) <= tolerance {
            return Ok(parameters);
        }
        let direction = newton_step(problem, &at);
        let Some(next) = along(problem, &at, &mut parameters, &direction) else {
            break;
        };
        at = next;
    }
    let message =
        "is so large that no minimum is reached: coefficients grow without end; take a smaller one";
    Err(refused("C", message.to_owned()))
}

/// Solves Hessian · step = -gradient, the more exactly the nearer the minimum is.
fn newton_step(problem: &Problem<'_>, at: &At) -> Vec<f64> {
    let mut step = vec![0.0; at.gradient.len()];
    let mut residual: Vec<f64> = at.gradient.iter().map(|it| -it).collect();
    let mut direction = residual.clone();
    let mut squares = dot(&residual, &residual);
    let enough = squares.sqrt() * squares.powf(0.25).min(0.1);
    for _ in 0..2 * step.len() {
        let product = problem.curvature(at, &direction);
        let curvature = dot(&direction, &product);
        // Along intercepts that all grow alike nothing changes.
        if curvature <= 0.0 {
            break;
        }
        let length = squares / curvature;
        add(&mut step, length, &direction);
        add(&mut residual, -length, &product);
        let left = dot(&residual, &residual);
        if left.sqrt() <= enough {
            break;
        }
        let kept = left / squares;
        for (direction, residual) in direction.iter_mut().zip(&residual) {
            *direction = residual + kept * *direction;
        }
        squares = left;
    }
    step
}

/// Goes along a direction, half as far as long as that is no improvement; `None` where it never is one.
fn along(
    problem: &Problem<'_>,
    at: &At,
    parameters: &mut Vec<f64>,
    direction: &[f64],
) -> Option<At> {
    let slope = dot(&at.gradient, direction);
    // Near the minimum the objective changes by less than its rounding errors.
    let rounding = 1e-14 * at.value.abs();
    let mut length = 1.0;
    for _ in 0..MOST_HALVINGS {
        let mut next = parameters.clone();
        add(&mut next, length, direction);
        let there = problem.at(&next);
        if there.value <= at.value + 1e-4 * length * slope + rounding {
            *parameters = next;
            return Some(there);
        }
        length /= 2.0;
    }
    None
}

fn largest(values: &[f64]) -> f64 {
    values.iter().map(|it| it.abs()).fold(0.0, f64::max)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f64], factor: f64, values: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}
