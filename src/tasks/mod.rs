//! What a user asks for.

mod batching;
mod cosine;
mod embed;

pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
