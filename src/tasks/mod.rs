//! What a user asks for.

mod batching;
mod embed;
mod search;
mod stream;

pub use embed::{Embedder, EmbedderOptions, Embedding};
pub use search::{Hit, cosine, rank};
pub use stream::{Stream, StreamOptions};
