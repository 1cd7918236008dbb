//! Damage to checkpoints of torch's: the zip archive, and the pickle in it.

use std::ops::Range;

use safetensors::Dtype;
use wgformer::verify::Random;

use crate::generated_model::{Format, GeneratedModel};
use crate::json::{self, one_of};
use crate::subject::Files;

/// The ways in which weights are stored.
pub(crate) fn models() -> [GeneratedModel; 3] {
    let stored = |dtype, shards, format| GeneratedModel {
        dtype,
        shards,
        format,
        ..GeneratedModel::new()
    };
    [
        stored(Dtype::F32, 1, Format::Torch),
        stored(Dtype::F16, 2, Format::Torch),
        stored(Dtype::F32, 1, Format::TorchTransposed),
    ]
}

pub(crate) fn damage(random: &mut Random, files: &mut Files) {
    let names = files.keys().filter(|name| name.ends_with(".bin"));
    let names: Vec<String> = names.cloned().collect();
    let file = files.get_mut(&one_of(random, &names)).unwrap();
    let Some(pickle) = pickle(file) else {
        return json::damage_bytes(random, file);
    };
    match random.below(8) {
        0 => file.truncate(random.below(file.len() + 1)),
        1 => damage_directory(random, file),
        2 => damage_number(random, file, pickle),
        3 => repeat(random, file, pickle),
        4 => lengthen(random, file),
        _ => overwrite(random, file, pickle),
    }
}

/// Where the pickle is: from its protocol on to the next entry.
pub(crate) fn pickle(file: &[u8]) -> Option<Range<usize>> {
    let find = |needle: &[u8]| file.windows(needle.len()).position(|bytes| bytes == needle);
    let (start, end) = (find(b"\x80\x02c")?, find(b"u.PK")? + 2);
    (start < end).then_some(start..end)
}

/// What ends a pickle, starts one, or asks for something.
const OPCODES: &[&[u8]] = &[
    b".",
    b"(",
    b"t",
    b")",
    b"}",
    b"]",
    b"R",
    b"b",
    b"s",
    b"u",
    b"e",
    b"a",
    b"Q",
    b"0",
    b"N",
    b"h\x00",
    b"q\x00",
    b"j\xff\xff\xff\xff",
    b"r\xff\xff\xff\xff",
    b"X\xff\xff\xff\xff",
    b"\x85",
    b"\x87",
    b"\x8a\xff",
    b"cos\nsystem\n",
    b"J\xff\xff\xff\xff",
    b"J\xff\xff\xff\x7f",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"K\x00",
];

/// Other opcodes in the place of some bytes of the pickle.
fn overwrite(random: &mut Random, file: &mut Vec<u8>, pickle: Range<usize>) {
    let place = pickle.start + random.below(pickle.len());
    let opcode = one_of(random, OPCODES);
    let end = (place + opcode.len()).min(file.len());
    file.splice(place..end, opcode.iter().copied());
}

/// Another size, stride or offset of a tensor.
fn damage_number(random: &mut Random, file: &mut [u8], pickle: Range<usize>) {
    let places: Vec<usize> = pickle
        .filter(|place| matches!(file[*place], b'J' | b'K'))
        .collect();
    let place = 1 + one_of(random, &places);
    if random.below(2) == 0 {
        file[place] = one_of(random, &[0, 1, 2, 31, 33, 64, 255]);
    } else {
        let value = one_of(random, &[0, -1, 1, i32::MAX, i32::MIN, 1 << 20]);
        file[place..][..4].copy_from_slice(&value.to_le_bytes());
    }
}

/// A part of the pickle that stands for another, such as two tensors of one storage.
fn repeat(random: &mut Random, file: &mut [u8], pickle: Range<usize>) {
    let length = random.below(200).min(pickle.len());
    let [from, to] = [0, 1].map(|_| pickle.start + random.below(pickle.len() - length + 1));
    file.copy_within(from..from + length, to);
}

/// The end of the archive, or an entry in its list, with other numbers.
fn damage_directory(random: &mut Random, file: &mut [u8]) {
    let is_header = |at: &usize| {
        [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"].contains(&file[*at..].first_chunk().unwrap())
    };
    let headers: Vec<usize> = (0..file.len().saturating_sub(4))
        .filter(is_header)
        .collect();
    if headers.is_empty() {
        return;
    }
    let any = one_of(random, &headers);
    let header = one_of(random, &[headers[headers.len() - 1], any]);
    let place = (header + 4 + random.below(42)).min(file.len() - 4);
    let value: u32 = one_of(
        random,
        &[
            0,
            1,
            0xffff,
            u32::MAX,
            u32::MAX - 1,
            1 << 31,
            file.len() as u32,
        ],
    );
    file[place..][..4].copy_from_slice(&value.to_le_bytes());
}

/// A pickle of its own, with far more of something than any has.
fn lengthen(random: &mut Random, file: &mut Vec<u8>) {
    let (unit, count) = one_of(random, MANY);
    *file = with_pickle(&unit.repeat(count));
}

const MANY: &[(&[u8], usize)] = &[
    (b"(", 60_000),
    (b")", 60_000),
    (b")", 200_000),
    (b"}", 60_000),
    (b"N", 200_000),
    (b"N\x85", 60_000),
    (b"\x85", 60_000),
    (b"]q\x00h\x00a", 60_000),
    (b"}q\x00h\x00s", 60_000),
    (b"ccollections\nOrderedDict\n)R", 30_000),
];

/// An archive whose pickle is this, and ends.
pub(crate) fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x02", pickle, b"."].concat();
    let entries = [("data.pkl".to_owned(), pickle)];
    crate::generated_model::torch_file::archive(&entries)
}
