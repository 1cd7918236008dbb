//! What a user asks for.

mod aggregation;
mod answer;
mod batching;
mod characters;
mod classify;
mod cosine;
mod embed;
mod spans;
#[cfg(not(target_arch = "wasm32"))] // a browser has no threads to share a device with
mod stream;
mod tag;
mod text_model;
mod windows;

pub use aggregation::Aggregation;
pub use answer::{Answer, AnswerOptions, Answerer};
pub use classify::{Classifier, Label};
pub use cosine::cosine;
pub use embed::{Embedder, EmbedderOptions, Embedding};
#[cfg(not(target_arch = "wasm32"))]
pub use stream::{Stream, StreamOptions};
pub use tag::{Entity, TagOptions, Tagger};
