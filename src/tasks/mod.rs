//! What a user asks for.

mod batching;
mod cosine;
mod embed;
mod stream;

pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
pub use stream::{Stream, StreamOptions};
