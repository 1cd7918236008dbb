//! The binary, as a user or a script meets it: what it prints where, what it writes, and how it ends.

#[path = "../common/generated_model.rs"]
mod generated_model;
mod harness;

mod embed;
mod files;
mod inputs;
mod long_texts;
mod resume;
#[cfg(unix)]
mod unix;
mod search;
mod tasks;
mod fit;
mod eval;
mod tag;
mod answer;
mod attention;
mod models;
mod usage;
mod doctor;
mod verify;
mod tuning;
mod bench;
mod profile;
mod bench_models;
mod forward;
