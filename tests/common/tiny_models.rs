//! The models that `tests/data/tiny_models.py` wrote.

use std::path::PathBuf;

/// The largest difference from what Hugging Face computes.
pub(crate) const BOUND: f32 = 2e-4;

pub(crate) fn directories() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("tests/data/tiny").unwrap();
    let mut directories: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    assert!(!directories.is_empty());
    directories
}
