//! Text -> tokens.

mod limits;
mod tokenizer;

pub use tokenizer::{Tokenizer, Tokens};
