//! Safetensors files and their index.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::common;
use crate::generated_model::write_json;
use crate::harness::{embed, expect_error, model, parsed, replaced, rows, without};

#[test]
fn a_damaged_weights_file_is_named_with_what_is_wrong_in_it() {
    let (gpu, _turn) = common::gpu();
    let attempt = |row: &str, directory: TempDir, variant: &str, needles: &str| {
        let needles = format!("model.safetensors; {needles}");
        expect_error(row, || embed(&gpu, directory.path()), variant, &needles);
    };
    attempt("none", without("model.safetensors"), "Io", "No such file");
    for (file, needles) in [
        (&b""[..], "cut off"),
        (b"1234567", "cut off"),
        (b"<!DOCTYPE html>", "no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ] {
        let row = String::from_utf8_lossy(file);
        let directory = replaced("model.safetensors", file);
        attempt(&row, directory, "Malformed", needles);
    }

    type Change = fn(&mut Vec<u8>);
    let changes: [(Change, &str); 9] = [
        (|file| file.truncate(100), "cut off"),
        (|file| file.truncate(file.len() / 2), "cut off"),
        (|file| file.truncate(file.len() - 1), "cut off"),
        (|file| file.push(0), "do not fill the file"),
        // The length of the header: most, more than is allowed, more than there is, nothing.
        (|file| file[..8].fill(0xff), "header"),
        (|file| file[3] = 0xff, "header"),
        (|file| file[2] = 0xff, "header is longer than the file"),
        (|file| file[..8].fill(0), "header"),
        (|file| file[8] = b'x', "header"),
    ];
    for (row, (change, needles)) in changes.into_iter().enumerate() {
        let directory = model(|_| ());
        rewrite(&directory.path().join("model.safetensors"), change);
        attempt(&row.to_string(), directory, "Malformed", needles);
    }

    // What the header says of its first tensor; the product of the third row does not fit 64 bits.
    let table = r#"
        "data_offsets":[0,  |  "data_offsets":[4,                                         |  header
        "shape":[           |  "shape":[2,                                                |  header
        "shape":[           |  "shape":[4611686018427387904,4611686018427387904,          |  header
        "shape":[           |  "shape":[-1,                                               |  header
        "F32"               |  "F33"                                                      |  header; F33
    "#;
    for row in rows::<3>(table) {
        let [from, to, needles] = row;
        let directory = with_header(|header| {
            assert!(header.contains(from), "{header}");
            header.replacen(from, to, 1)
        });
        attempt(&row.join(" "), directory, "Malformed", needles);
    }
}

/// A tiny model whose safetensors file has another header before the same data.
pub(crate) fn with_header(change: impl FnOnce(String) -> String) -> TempDir {
    let directory = model(|_| ());
    rewrite(&directory.path().join("model.safetensors"), |file| {
        let (header, data) = split(file);
        let header = change(String::from_utf8(header.to_vec()).unwrap());
        let length = (header.len() as u64).to_le_bytes();
        *file = [&length[..], header.as_bytes(), data].concat();
    });
    directory
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A safetensors file's header and its data.
fn split(file: &[u8]) -> (&[u8], &[u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap());
    file[8..].split_at(length as usize)
}

#[test]
fn an_index_names_files_beside_it_and_nothing_else() {
    let (gpu, _turn) = common::gpu();
    let index = "model.safetensors.index.json";
    let table = r#"
        {"weight_map": {"a": "../model.safetensors"}}  |  Malformed  |  index.json; "../model.safetensors"
        {"weight_map": {"a": "/model.safetensors"}}    |  Malformed  |  index.json; "/model.safetensors"
        {"weight_map": {"a": "a/model.safetensors"}}   |  Malformed  |  index.json; "a/model.safetensors"
        {"weight_map": {"a": ".."}}                    |  Malformed  |  index.json; ".."
        {"weight_map": {"a": ""}}                      |  Malformed  |  index.json; ""
        {"weight_map": {"a": 1}}                       |  Malformed  |  index.json; string
        {"weight_map": {}}                             |  Malformed  |  index.json; no file
        {"weight_map": ["a"]}                          |  Malformed  |  index.json; map
        {}                                             |  Malformed  |  index.json; weight_map
        {"weight_map": {"a": "lost.safetensors"}}      |  Io         |  lost.safetensors
    "#;
    for [json, variant, needles] in rows(table) {
        let directory = without("model.safetensors");
        write_json(&directory.path().join(index), &parsed(json));
        expect_error(json, || embed(&gpu, directory.path()), variant, needles);
    }
    let directory = model(|model| model.shards = 2);
    let second = "model-00002-of-00002.safetensors";
    fs::remove_file(directory.path().join(second)).unwrap();
    expect_error("lost", || embed(&gpu, directory.path()), "Io", second);
}

#[test]
fn a_checkpoint_of_pickles_is_refused_by_name() {
    let directory = model(|_| ());
    fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    fs::write(directory.path().join("pytorch_model.bin"), b"PK").unwrap();
    let needles = "pytorch_model.bin; model.safetensors";
    let open = || wgformer::models::Checkpoint::open(directory.path());
    expect_error("pickles", open, "Unsupported", needles);
}
