//! The default model, and the texts that `tests/data/reference.py` gave to it.

use std::path::Path;

use serde_json::Value;

pub(crate) const DIRECTORY: &str = "models/all-MiniLM-L6-v2";

pub(crate) fn texts() -> Vec<String> {
    serde_json::from_value(report()["texts"].clone()).unwrap()
}

/// What the script says of the texts, beside their tensors.
pub(crate) fn report() -> Value {
    assert!(
        Path::new(DIRECTORY).join("config.json").exists(),
        "{DIRECTORY} is missing: run `make model`"
    );
    let json = std::fs::read("tests/data/all-MiniLM-L6-v2.json").unwrap();
    serde_json::from_slice(&json).unwrap()
}
