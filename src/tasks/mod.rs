//! What a user asks for.

mod batching;
mod classify;
mod cosine;
mod embed;
mod fill;
mod rerank;
#[cfg(not(target_arch = "wasm32"))] // a browser has no threads to share a device with
mod stream;
mod text_model;
mod zero_shot;

pub use classify::{Classifier, Label};
pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
pub use fill::{Filler, Filling};
pub use rerank::{Ranked, Reranker};
#[cfg(not(target_arch = "wasm32"))]
pub use stream::{Stream, StreamOptions};
pub use zero_shot::{ZeroShot, ZeroShotOptions};
