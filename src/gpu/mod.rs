//! The device: adapters, which one to take and what it can do; buffers, textures, pipelines and their cache, polling.

mod adapters;
mod block_on;
mod buffers;
mod capabilities;
mod context;
mod fill;
#[cfg_attr(target_arch = "wasm32", path = "off_thread_web.rs")]
mod off_thread;
mod pass;
mod pipeline_file;
mod pipelines;
#[cfg_attr(target_arch = "wasm32", path = "polling_web.rs")]
mod polling;
mod profiler;
mod read_buffer;
mod resource;
mod textures;
#[cfg_attr(target_arch = "wasm32", path = "timer_web.rs")]
mod timer;
mod timestamps;
mod timestamps_trial;
mod turns;
mod vendor;
mod wanted;

pub use adapters::AdapterChoice;
pub(crate) use buffers::buffer_bytes;
pub use capabilities::Capabilities;
pub use context::Gpu;
pub(crate) use fill::{in_copies, padded};
pub(crate) use pipelines::Pipeline;
pub(crate) use profiler::Profiler;
pub(crate) use read_buffer::ReadBuffer;
pub(crate) use resource::Resource;
pub(crate) use textures::{TEXEL_BYTES, extent, texture_bytes};
pub(crate) use timestamps::{MOST_PASSES, Timestamps};
pub(crate) use turns::InTurn;
pub use turns::Turn;
pub use vendor::Vendor;
pub(crate) use wanted::Wanted;
