//! The C API (feature `c-api`): what a program in C, or in any language that can call C, needs to load and embed.
//!
//! `include/wgformer.h` is made from these files and their documentation by cbindgen; what a C programmer must know of
//! ownership, threads and linking heads it, from `cbindgen.toml`. `examples/c/embed.c` uses it.
//!
//! Everything here is named as C has it. A pointer to one object is an [`Option`] of a reference or of a [`Box`], which
//! C sees as a pointer that may be null; strings and arrays are read and written by `arguments.rs` alone. Whatever
//! could fail or panic runs in `boundary::guarded`.

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
pub mod adapters;
pub mod gpu;
pub mod options;
pub mod embedder;
