//! Does this adapter compute correctly? One case table and one tolerance policy, which tests, benches, `verify` and
//! `doctor` share.
//!
//! A [`Recipe`] of [`cases`] -> a [`Case`]: a graph of one operation, its weights and inputs -> a [`Candidate`] for each
//! kernel and type of weights -> a plan, run step by step with NaN around every result (`plan/trace.rs`), and the
//! same graph interpreted by `reference/` -> compared under the case's [`Tolerance`]: an [`Outcome`] -> a [`Row`] for each
//! variant of a kernel. A whole model goes the same way, a row for each of its steps ([`steps()`]).
//!
//! [`tune()`] times what an operation offers, after it has verified it, for the shapes of a model.

mod builder;
mod case;
pub mod cases;
mod check;
mod comparison;
mod outcome;
mod random;
mod report;
mod steps;
mod tolerance;
#[cfg(not(target_arch = "wasm32"))]
mod tune;
mod values;

#[cfg(test)]
mod mutations;
#[cfg(test)]
mod same_bits;

pub use case::{Case, Recipe};
pub use check::{Candidate, candidates, check, check_where};
pub use outcome::Outcome;
pub use random::Random;
pub use report::{Row, Verdict, report, rows};
pub use steps::steps;
pub use tolerance::Tolerance;
#[cfg(not(target_arch = "wasm32"))]
pub use tune::{Tunable, tunables, tune};
pub use values::Values;
