//! Text -> tokens.

mod input;
mod limits;
mod tokenizer;
mod vocabulary;

pub use input::Text;
pub use tokenizer::{Tokenizer, Tokens};
