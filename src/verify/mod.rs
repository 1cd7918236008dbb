//! Does this adapter compute correctly? One case table and one tolerance policy, which tests, benches and `doctor` share.

mod cases;
mod check;
mod random;
mod tolerance;

pub use cases::{Case, cases, model_cases, quick_cases};
pub use check::{Candidate, Outcome, check, plans};
pub use random::Random;
pub use tolerance::Tolerance;
