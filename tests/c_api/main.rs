//! The C API as C has it: the library that `cargo rustc` builds, the committed header and the system's compiler.
//!
//! On Linux alone, where all programs run under AddressSanitizer; its leak checker sees what the library allocates too.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod header;
mod library;
mod lines;
mod programs;
mod retrieval;
mod tasks;
