//! How a model may be stored, and what is said of one that is damaged, contradictory or not supported: always a typed
//! error that names the file and what is wrong in it. What is damaged at random is in `tests/hostile/`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/generated_model.rs"]
mod generated_model;
mod harness;

mod config;
mod weights;
mod weight_files;
mod tokenizer;
mod vocabulary;
mod retrieval;
mod sentence_transformers;
