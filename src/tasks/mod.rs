//! What a user asks for.

mod batching;
mod cosine;
mod embed;
#[cfg(not(target_arch = "wasm32"))] // a browser has no threads to share a device with
mod stream;

pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
#[cfg(not(target_arch = "wasm32"))]
pub use stream::{Stream, StreamOptions};
