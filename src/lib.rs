//! A graph of compute dispatches for transformer encoders, compiled once into a plan and run on any wgpu device.
pub mod error;
pub mod tensor;
pub mod kernel;
pub mod reference;
pub mod gpu;
pub mod graph;
pub mod ops;
pub mod tuning;
pub mod plan;
pub mod verify;
pub mod models;
#[cfg(feature = "text")]
pub mod text;
#[cfg(feature = "text")]
pub mod tasks;
pub use error::{Error, Result};
pub use gpu::Gpu;
pub use graph::Graph;
#[cfg(feature = "text")]
pub use tasks::Embedder;
