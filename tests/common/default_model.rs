//! The default model, and the texts that `tests/data/reference.py` gave to it.

use std::path::Path;

use serde_json::Value;

const DIRECTORY: &str = "models/all-MiniLM-L6-v2";

pub(crate) fn directory() -> &'static Path {
    let directory = Path::new(DIRECTORY);
    let is_there = directory.join("config.json").exists();
    assert!(is_there, "{DIRECTORY} is missing: run `make model`");
    directory
}

pub(crate) fn texts() -> Vec<String> {
    serde_json::from_value(report()["texts"].clone()).unwrap()
}

/// What the script says of the texts, beside their tensors.
pub(crate) fn report() -> Value {
    let json = std::fs::read("tests/data/all-MiniLM-L6-v2.json").unwrap();
    serde_json::from_slice(&json).unwrap()
}
