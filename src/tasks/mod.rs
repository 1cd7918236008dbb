//! What a user asks for.

mod batching;
mod embed;
mod search;

pub use embed::{Embedder, EmbedderOptions, Embedding};
pub use search::{Hit, cosine, rank};
