//! A graph of compute dispatches for transformer encoders, compiled once into a plan and run on any wgpu device.
//!
//! [`Embedder`] loads a model and builds its [`Graph`]; [`plan::Plan`] turns it into pipelines, bind groups, buffers
//! and textures; [`Gpu`] holds the device.
//!
//! # The way of the data
//!
//! Once: a Hugging Face directory -> a graph over its mapped weights ([`models::Network`]) -> fused, each node with a
//! kernel, each result with a slot, the whole with the bytes that it will take ([`plan::Memory`]) -> pipelines, compiled
//! at once, and weights, uploaded; a table too large for the device stays in its file.
//!
//! Then, as often as anybody asks: [`Embedder::embed`] -> tokens, packed one sequence after another without padding
//! ([`models::Batch`]) -> inputs checked, memory leased from the plan's pool in order of arrival -> every step a pipeline,
//! its bind groups and a grid, in one compute pass and one submit, or in several, even within a step, where that would
//! keep the device busy for too long -> the result alone is read back -> `Vec<Vec<f32>>`.
//!
//! A [`plan::Control`] gives a call a deadline, and tells how far it is. An application records a run into its own encoders
//! instead ([`plan::Forward`]). Texts without number go through [`Embedder::stream`], whose stages read, tokenise and
//! run at the same time. Vectors go into an [`Index`], whose searches are runs of a plan too. After a lost device
//! [`Embedder::recover`] and [`Index::recover`] begin again on another one.
//!
//! # The house, in the order of its imports
//!
//! * [`error`]: what can go wrong, in sentences.
//! * `whole_file`: a file that appears under its name only once it is whole.
//! * [`profile`]: what took how long, and the file that shows it.
//! * [`tensor`]: shapes, element types, host tensors; knows nothing of the GPU.
//! * [`kernel`]: a compute shader before any device exists, its specialised constants, and how an operation uses it.
//!   Shaders are the files of `shaders/`: each a complete module whose stem is the kernel's name and entry point.
//! * [`reference`](mod@reference): the scalar definition of every operation, accumulated in f64: the specification.
//! * [`gpu`]: adapters, device, buffers, textures, pipelines and the file that keeps them, polling, the timer of deadlines,
//!   timestamps.
//! * [`graph`]: operations over virtual tensors; shape inference; plain data.
//! * [`ops`]: a file per operation: its formula, its checks, its kernels and their `Params`.
//! * [`tuning`]: which of the kernels that an operation offers: its best, what was measured on this adapter, or one that
//!   is named.
//! * [`plan`]: graph -> fused graph -> slots, kernels, weights (`memory`: what they take; `host_tables` and `rows`: what
//!   stays on the host) -> `pool`: whose turn it is -> record,
//!   submit (`speed`: how much at a time; `control`: until when), read back.
//!   `warm_up` runs each pipeline before anybody waits for it. It also traces a run step by step, and interprets a graph
//!   on `reference`.
//! * [`verify`]: the case table, a file per operation, and the tolerances, for tests, benches, `verify` and `doctor`; also
//!   times what an operation offers (`tune`).
//! * [`models`]: a Hugging Face directory -> graph and weights. A file per family maps names and switches to `blocks`;
//!   `heads` builds what follows, `masked_lm` runs the one that predicts tokens; `projection`, `sparse` and `multi_vector`
//!   are what models for retrieval end with, and `static_weights` what their queries may have instead; `derived` makes the
//!   parameters that a checkpoint has otherwise; `attention_layer` looks into one layer.
//! * [`index`]: vectors, and of them the nearest to a query; a file to keep them in.
//! * [`evaluation`]: how good predictions are: metrics, plain functions.
//! * [`logistic`]: logistic regression on the host, to its optimum.
//! * `text`: tokenizers (feature `text`).
//! * `tasks`: what a user asks for, a file per task over `text_model` (feature `text`).
//! * `c_api`: most of the same for C (feature `c-api`).
//! * `src/bin/wgformer/`: the command line, a file per subcommand (feature `cli`).
//!
//! # Invariants
//!
//! `tests/architecture.rs` and the tests named below hold the house to them.
//!
//! **Invariant:** a module imports only from those above it in this list.
//!
//! **Invariant:** a [`Graph`] holds no GPU object; it can be built, printed, compared and interpreted without a device.
//! A [`graph::Node`] is an operation and its operands; which kernel runs it, and on what grid, is the plan's business.
//!
//! **Invariant:** only `gpu` and `plan` make wgpu calls, and only `plan` allocates activation memory. Other modules may
//! name its types of features and limits.
//!
//! **Invariant:** adding an operation edits no `match`: a shader, a file in `ops`, a function in `reference`, cases in
//! `verify`, and the lines that register them (`ops/mod.rs` lists all).
//! An operation is a type that implements [`graph::Operation`] and holds its attributes as fields, rather
//! than a table of functions over untyped attributes: the compiler checks their names and types, and what an operation
//! can absorb (a linear layer an activation) stands beside it instead of in the fusion pass.
//!
//! **Invariant:** `models` uses the public graph API alone.
//!
//! **Invariant:** no optional GPU feature is required, and the lowest limits that wgpu knows for compute suffice
//! (`wgpu::Limits::downlevel_defaults`: four storage buffers); features only make it faster.
//!
//! **Invariant:** user input never panics, and nothing is recorded before it is checked: ids, types, lengths and
//! offsets are range-checked on the host ([`plan::Plan::run`]), so no kernel relies on the driver's bounds checks,
//! which are turned off at one place (`gpu/pipelines.rs`, with the reason). A model's files are user input too
//! (`tests/hostile/`).
//!
//! **Invariant:** no global state, but for the last message of the C API, which each thread has of its own. The library
//! reads the environment at one place, `gpu/adapters.rs` ([`gpu::AdapterChoice::from_env`], and beside it wgpu's own
//! helpers). The tokenizer crate reads one variable of its own, for its threads.
//!
//! **Invariant:** what a plan takes on the device is known before any of it is allocated, and never more than its memory
//! budget: where another run does not fit, it waits for those of the engine's own, and is refused where an application
//! has all there is room for; the plans of an [`Index`] share one budget (`tests/memory.rs`, `tests/index/`). Where the
//! driver has none left nevertheless, that is an error, and what was there still works (`tests/out_of_memory.rs`).
//!
//! **Invariant:** a run's memory is its own until the device is through with it, whatever becomes of the run: done, failed,
//! its future dropped, recorded and never submitted (`tests/forward.rs`, `tests/soak/`).
//!
//! **Invariant:** once a plan is compiled nothing of it is under way on the device any more: its weights are there, and
//! the staging that brought them is free. (In a browser, which must not be waited for, that comes a little later.)
//!
//! **Invariant:** a text's result does not depend on what else is in the batch, nor on how a run is split into submits, to
//! the bit (`tests/determinism.rs`, `tests/forward.rs`, and for tiles `src/verify/same_bits.rs`). Each
//! output of a linear layer adds its k products one after another, k increasing, by `fma` in f32, whatever its tile, so
//! that each run takes the tiles that suit its size ([`kernel::Offer`]). Cooperative matrices add up in an order of
//! their hardware's: a layer, or attention, runs on them for every number of rows or for none. Attention's key tiles are
//! counted from the segment's start; every reduction has a fixed order; and what a plan may run depends on the adapter
//! (of software, on the host's registers too), the model and its options, never on the batch. (Metal's compiler may reorder sums by default: bit equality has not
//! been shown there.)
//!
//! **Invariant:** statistics, softmax, sums and the residual stream are f32; f16 and int8 are storage of weight matrices.
//! The one exception: with f16 weights on an adapter with cooperative matrices, a linear layer rounds what it multiplies
//! by them to f16, which ends at 65504, and so does attention with queries, keys, values and softmax weights.
//!
//! **Invariant:** a kernel that drivers have got wrong runs in no plan before a self-test on the device came out right
//! (`plan/self_test.rs`).
//!
//! # Buffers and textures
//!
//! Activations are storage buffers, except on software adapters, where they are textures and weight matrices are too:
//! lavapipe reads a buffer lane by lane and a texture at once, and a linear layer runs seven times faster so
//! (docs/performance.md). Each such kernel is a shader of its own, `…_texture.wgsl`. A graph is on one or the other as a
//! whole; one that a texture kernel does not suit (rows that are no multiple of four elements) runs on buffers.

pub mod error;
#[cfg_attr(target_arch = "wasm32", path = "whole_file_web.rs")]
mod whole_file;
#[cfg_attr(
    target_arch = "wasm32",
    expect(dead_code, reason = "there is no such clock")
)]
pub mod profile;
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
pub mod index;
pub mod evaluation;
pub mod logistic;
#[cfg(feature = "text")]
pub mod text;
#[cfg(feature = "text")]
pub mod tasks;
// In unit tests always, so that every run of the tests has it.
#[cfg(any(feature = "c-api", all(test, feature = "text")))]
pub mod c_api;

pub use error::{Error, Result};
pub use gpu::Gpu;
pub use graph::Graph;
pub use index::Index;
#[cfg(feature = "text")]
pub use tasks::Embedder;

/// The README's example compiles.
#[cfg(all(doctest, feature = "text"))]
#[doc = include_str!("../README.md")]
struct Readme;
