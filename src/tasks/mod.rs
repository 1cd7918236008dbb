//! What a user asks for.

mod batching;
mod classify;
mod cosine;
mod embed;
#[cfg(not(target_arch = "wasm32"))] // a browser has no threads to share a device with
mod stream;
mod text_model;

pub use classify::{Classifier, Label};
pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
#[cfg(not(target_arch = "wasm32"))]
pub use stream::{Stream, StreamOptions};
