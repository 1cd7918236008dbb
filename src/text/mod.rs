//! Text -> tokens.

mod encoding;
mod input;
mod limits;
mod tokenizer;
mod truncation;
mod vocabulary;

pub use encoding::{Encoding, TokenOrigin};
pub use input::Text;
pub(crate) use tokenizer::MASKS;
pub use tokenizer::{Tokenizer, Tokens};
