//! Does this adapter compute correctly? One case table and one tolerance policy, which tests, benches, `verify` and
//! `doctor` share.

mod case;
mod cases;
mod check;
mod layers;
mod outcome;
mod random;
mod report;
mod tolerance;

#[cfg(test)]
mod mutations;

pub use case::{Case, Recipe, Values};
pub use cases::{
    Epilogue, add, attention, cases, embedding_sum, gelu, layer_norm, linear, model_cases, pool,
    qkv_linear, quick_cases, softmax,
};
pub use check::{Candidate, candidates, check};
pub use layers::layers;
pub use outcome::Outcome;
pub use random::Random;
pub use report::{Row, Verdict, report, rows};
pub use tolerance::Tolerance;
