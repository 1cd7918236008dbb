//! The C API (feature `c-api`): what a program in C, or in any language that can call C, needs to load a model and
//! run a task.
//!
//! `include/wgformer.h` is made from these files and their documentation by cbindgen; what a C programmer must know of
//! ownership, threads and linking heads it, from `cbindgen.toml`. `examples/c/` uses it.
//!
//! Everything here is named as C has it. A pointer to one object is an [`Option`] of a reference or of a [`Box`], which
//! C sees as a pointer that may be null; strings and arrays are read and written by `arguments.rs` alone. Whatever
//! could fail or panic runs in `boundary::guarded`. Results of any number are a `listing::Listing`, of which C reads rows.

#![expect(
    non_camel_case_types,
    reason = "types have the names that C has for them"
)]
#![expect(
    unsafe_code,
    reason = "names without mangling: nothing else of a program begins with wgformer_; memory of C's: see arguments.rs"
)]
#![expect(
    clippy::missing_safety_doc,
    reason = "the head of the C header says for all functions what a pointer has to be"
)]

pub mod version;
pub mod status;
mod boundary;
mod arguments;
pub mod texts;
mod listing;
pub mod adapters;
pub mod gpu;
mod options;
pub mod model_options;
pub mod embedder_options;
pub mod zero_shot_options;
pub mod tag_options;
pub mod answer_options;
pub mod index_options;
mod loading;
pub mod embeddings;
pub mod embedder;
pub mod prompts;
pub mod passages;
pub mod summary;
pub mod precision;
pub mod sparse_embedder;
pub mod late_interaction;
pub mod classifier;
pub mod zero_shot;
pub mod reranker;
pub mod tagger;
pub mod answerer;
pub mod filler;
pub mod index;
pub mod memory;
pub mod warm_up;
