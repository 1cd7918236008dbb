//! Tiny models' directories, and how an error is checked.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use wgformer::tasks::Embedder;
use wgformer::{Error, Gpu, Result};

use crate::generated_model::GeneratedModel;

/// The second has a word that is not in the vocabulary.
pub(crate) const TEXTS: &[&str] = &[
    "hello world",
    "a zebra",
    "",
    "a small red dog in the rain, and three words!",
    "snow",
];

pub(crate) fn embed(gpu: &Gpu, directory: &Path) -> Result<Vec<Vec<f32>>> {
    Embedder::load(gpu, directory)?.embed(TEXTS)
}

/// A tiny model with a change, written.
pub(crate) fn model(change: impl FnOnce(&mut GeneratedModel)) -> TempDir {
    let mut model = GeneratedModel::new();
    change(&mut model);
    let directory = tempfile::tempdir().unwrap();
    model.write(directory.path());
    directory
}

/// A tiny model with other JSON files.
pub(crate) fn with(extra: &[(&'static str, Value)]) -> TempDir {
    model(|model| model.extra = extra.to_vec())
}

/// A tiny model, one of whose files is replaced by something else.
pub(crate) fn replaced(file: &str, bytes: impl AsRef<[u8]>) -> TempDir {
    let directory = model(|_| ());
    fs::write(directory.path().join(file), bytes).unwrap();
    directory
}

/// A tiny model without one of its files.
pub(crate) fn without(file: &str) -> TempDir {
    let directory = model(|_| ());
    fs::remove_file(directory.path().join(file)).unwrap();
    directory
}

/// The rows of a table: columns between bars, one row per line.
pub(crate) fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| {
        let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
        <[&str; N]>::try_from(columns).unwrap_or_else(|_| panic!("not {N} columns: {line}"))
    })
}

pub(crate) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Checks that an attempt fails soon, with an error of this variant whose message names all `needles`, which
/// semicolons separate.
pub(crate) fn expect_error<T>(
    row: &str,
    attempt: impl FnOnce() -> Result<T>,
    variant: &str,
    needles: &str,
) {
    let started = Instant::now();
    let error = attempt().map(|_| ()).expect_err(row);
    let message = error.to_string();
    assert_eq!(variant_of(&error), variant, "{row}: {message}");
    for needle in needles.split("; ") {
        assert!(message.contains(needle), "{row}: no {needle} in: {message}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{row}");
}

fn variant_of(error: &Error) -> String {
    let debug = format!("{error:?}");
    debug.split(' ').next().unwrap_or_default().to_owned()
}
