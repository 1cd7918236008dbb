//! Safetensors files and their index.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::common;
use crate::generated_model::torch_file::archive;
use crate::generated_model::{Format, write_json};
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

/// A tiny model whose weights torch wrote, after a change to the file; the entries are stored, so text is found in it.
fn torch_file(change: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let directory = model(|model| model.format = Format::Torch);
    rewrite(&directory.path().join("pytorch_model.bin"), change);
    directory
}

/// The same with other bytes, as many, wherever some are.
fn with_bytes(from: &[u8], to: &[u8]) -> TempDir {
    assert_eq!(from.len(), to.len());
    torch_file(|file| {
        let starts = file.windows(from.len()).enumerate();
        let starts = starts.filter(|(_, bytes)| *bytes == from);
        let starts: Vec<usize> = starts.map(|(start, _)| start).collect();
        assert!(!starts.is_empty());
        for start in starts {
            file[start..][..to.len()].copy_from_slice(to);
        }
    })
}

#[test]
fn a_damaged_file_of_torchs_is_named_with_what_is_wrong_in_it() {
    let (gpu, _turn) = common::gpu();
    let attempt = |row: &str, directory: TempDir, needles: &str| {
        let needles = format!("pytorch_model.bin; {needles}");
        expect_error(row, || embed(&gpu, directory.path()), "Malformed", &needles);
    };
    // As torch before 1.6 wrote them, a pickle with nothing around it.
    let old = torch_file(|file| *file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec());
    attempt("old", old, "before 1.6; save it again");
    let pointer = b"version https://git-lfs.github.com/spec/v1\n";
    attempt(
        "pointer",
        torch_file(|file| *file = pointer.to_vec()),
        "Git LFS",
    );
    attempt("cut off", torch_file(|file| file.truncate(1000)), "cut off");
    attempt("empty", torch_file(Vec::clear), "cut off");

    // A pickle may call any function: none but those that make tensors is even looked for.
    let function = with_bytes(
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"cos\nsystem___________________\n\n\n\n",
    );
    attempt("function", function, "os.system__; is code; safetensors");
    let table: [(&[u8], &[u8], &str); 12] = [
        (
            b"\nFloatStorage",
            b"\nMagicStorage",
            "torch.MagicStorage; is code",
        ),
        (b"\nFloatStorage", b"\nDoublStorage", "torch.DoublStorage"),
        (b"\x80\x02c", b"\x80\x04c", "protocol 4"),
        (b"\x80\x02c", b"\x80\x02\xff", "opcode 0xff"),
        (b"\x80\x02c", b"\x80\x02.", "no dictionary of tensors"),
        (b"u.PK", b"0.PK", "opcode 0x30"),
        (b"u.PK", b"uuPK", "mark"),
        (b"h\x00)Rt", b"h\x07)Rt", "nothing was put at 7"),
        (
            b"X\x07\x00\x00\x00storage",
            b"X\x07\x00\x00\x00sturage",
            "no storage",
        ),
        (b"archive/data.pkl", b"archive/date.pkl", "no data.pkl"),
        (b"little", b"big...", "the order \"big...\""),
        (b"PK\x05\x06", b"PK\x05\x07", "cut off"),
    ];
    for (from, to, needles) in table {
        attempt(&String::from_utf8_lossy(to), with_bytes(from, to), needles);
    }
    // As a training script writes it: `{"model_state_dict": {}, "epoch": 3}`.
    let pickle = b"\x80\x02}(X\x10\x00\x00\x00model_state_dict}X\x05\x00\x00\x00epochK\x03u.";
    let training = archive(&[("data.pkl".to_owned(), pickle.to_vec())]);
    attempt(
        "training",
        torch_file(|file| *file = training),
        "\"model_state_dict\", \"epoch\"; plain state_dict",
    );
    // The first tensor, [32] with strides [1], is in `data/0`.
    let shape = |size: i32, stride: i32| {
        [
            b"tQK\x00(J",
            &size.to_le_bytes()[..],
            b"t(J",
            &stride.to_le_bytes(),
            b"t",
        ]
        .concat()
    };
    for (size, stride) in [
        (33, 1),
        (32, 2),
        (32, 0),
        (-1, 1),
        (i32::MAX, i32::MAX),
        (31, -1),
    ] {
        let row = format!("{size} {stride}");
        let needles = if size < 0 || stride < 0 {
            "size is -1"
        } else {
            "LayerNorm.bias; 128 bytes"
        };
        let repeats = (size, stride) == (32, 0);
        let file = with_bytes(&shape(32, 1), &shape(size, stride));
        if repeats {
            embed(&gpu, file.path()).expect("32 elements, though all of them the first");
        } else {
            attempt(&row, file, needles);
        }
    }
    let offset = with_bytes(b"tQK\x00(J", b"tQK\x01(J");
    attempt("offset", offset, "LayerNorm.bias; from element 1 on");
    let text = with_bytes(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x00x");
    attempt("storage", text, "LayerNorm.bias; data/x is missing");
}

#[test]
fn safetensors_are_taken_where_there_are_both() {
    let (gpu, _turn) = common::gpu();
    let directory = model(|_| ());
    fs::write(directory.path().join("pytorch_model.bin"), b"PK").unwrap();
    embed(&gpu, directory.path()).unwrap();
}
