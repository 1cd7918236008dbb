//! A graph of compute dispatches for transformer encoders, compiled once into a plan and run on any wgpu device.
pub mod error;
pub mod gpu;
pub mod graph;
pub mod kernel;
pub mod models;
pub mod ops;
pub mod plan;
pub mod reference;
#[cfg(feature = "text")]
pub mod tasks;
pub mod tensor;
#[cfg(feature = "text")]
pub mod text;
pub mod tuning;
pub mod verify;
pub use error::{Error, Result};
pub use gpu::Gpu;
pub use graph::Graph;
#[cfg(feature = "text")]
pub use tasks::Embedder;
