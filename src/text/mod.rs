//! Text -> tokens.

mod input;
mod limits;
mod tokenizer;

pub use input::Text;
pub use tokenizer::{Tokenizer, Tokens};
