//! Text -> tokens.

mod tokenizer;

pub use tokenizer::{Tokenizer, Tokens};
