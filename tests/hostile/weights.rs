//! Damage to safetensors files and to their index.

use safetensors::Dtype;
use serde_json::{Map, Value, json};
use wgformer::verify::Random;

use crate::generated_model::GeneratedModel;
use crate::json::{self, one_of};
use crate::subject::Files;

const INDEX: &str = "model.safetensors.index.json";

type Header = Map<String, Value>;

/// The ways in which weights are stored.
pub(crate) fn models() -> [GeneratedModel; 3] {
    let stored = |dtype, shards| GeneratedModel {
        dtype,
        shards,
        ..GeneratedModel::new()
    };
    [
        stored(Dtype::F32, 1),
        stored(Dtype::F32, 3),
        stored(Dtype::BF16, 1),
    ]
}

pub(crate) fn damage(random: &mut Random, files: &mut Files) {
    if files.contains_key(INDEX) && random.below(3) == 0 {
        return damage_index(random, files);
    }
    let names = files.keys().filter(|name| name.ends_with("safetensors"));
    let names: Vec<String> = names.cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = &one_of(random, &names);
    if random.below(20) == 0 {
        files.remove(name);
        return;
    }
    damage_file(random, files.get_mut(name).unwrap());
}

fn damage_file(random: &mut Random, file: &mut Vec<u8>) {
    let Some((header, data)) = split(file) else {
        return json::damage_bytes(random, file);
    };
    let mut header = header.to_vec();
    match (random.below(8), serde_json::from_slice(&header)) {
        (0, _) => file.truncate(random.below(file.len() + 1)),
        (1, _) => file.extend_from_slice(&vec![0; 1 << random.below(12)]),
        (2, _) => damage_length(random, file),
        (3, _) => damage_data(random, file),
        (4, Ok(fields)) => {
            let fields: Header = fields;
            *file = joined(&repeat_a_name(random, &fields), data);
        }
        (5 | 6, Ok(mut fields)) => {
            damage_tensor(random, &mut fields);
            *file = joined(&Value::Object(fields).to_string().into_bytes(), data);
        }
        _ => {
            json::damage(random, &mut header);
            *file = joined(&header, data);
        }
    }
}

/// A file's header and its data, if it has both.
pub(crate) fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u64::from_le_bytes(*file.first_chunk()?);
    file[8..].split_at_checked(usize::try_from(length).ok()?)
}

/// The file of a header and its data.
pub(crate) fn joined(header: &[u8], data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header, data].concat()
}

/// A header of another length than it has.
fn damage_length(random: &mut Random, file: &mut [u8]) {
    let length = u64::from_le_bytes(*file.first_chunk().unwrap());
    let whole = file.len() as u64;
    let lies = [
        0,
        1,
        length.wrapping_sub(1),
        length.wrapping_add(1),
        whole - 8,
        whole,
        100_000_000,
        1 << 32,
        1 << 63,
        u64::MAX - 7,
        u64::MAX,
    ];
    file[..8].copy_from_slice(&one_of(random, &lies).to_le_bytes());
}

/// Values that no weight has.
fn damage_data(random: &mut Random, file: &mut [u8]) {
    let data = 8 + split(file).map_or(0, |(header, _)| header.len());
    if file.len() < data + 4 {
        return;
    }
    let values = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0];
    let place = data + random.below((file.len() - data) / 4) * 4;
    file[place..][..4].copy_from_slice(&one_of(random, &values).to_le_bytes());
}

/// Two tensors of one name.
fn repeat_a_name(random: &mut Random, fields: &Header) -> Vec<u8> {
    let names: Vec<&String> = fields.keys().collect();
    let text = Value::Object(fields.clone()).to_string();
    if names.is_empty() {
        return text.into_bytes();
    }
    let quoted = |name: &String| Value::from(name.as_str()).to_string();
    let (name, other) = (&one_of(random, &names), &one_of(random, &names));
    text.replacen(&quoted(name), &quoted(other), 1).into_bytes()
}

/// What the header says of its tensors, wrong but well-formed.
fn damage_tensor(random: &mut Random, fields: &mut Header) {
    let tensors = fields.iter().filter(|(_, info)| info.is_object());
    let names: Vec<String> = tensors.map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        return;
    }
    let (name, other) = (&one_of(random, &names), &one_of(random, &names));
    match random.below(8) {
        0 => drop(fields.remove(name)),
        1 => {
            let (one, two) = (fields[name].clone(), fields[other].clone());
            fields.insert(name.clone(), two);
            fields.insert(other.clone(), one);
        }
        2 => {
            let info = fields.remove(name).unwrap();
            fields.insert(format!("{name}_"), info);
        }
        3 => append(random, fields),
        4 => fields[name]["data_offsets"] = offsets(random, &fields[name], &fields[other]),
        5 => fields[name]["dtype"] = one_of(random, DTYPES).into(),
        6 => as_halves(&mut fields[name]),
        _ => fields[name]["shape"] = shape(random, &fields[name]),
    }
}

const DTYPES: &[&str] = &[
    "F32", "F16", "BF16", "F64", "I64", "I32", "U32", "U8", "BOOL", "F8_E4M3", "F4", "F33", "",
];

/// Overlapping, reversed, shifted, or far beyond the end.
fn offsets(random: &mut Random, info: &Value, other: &Value) -> Value {
    let [start, end] = [0, 1].map(|place| info["data_offsets"][place].as_u64().unwrap_or(0));
    match random.below(6) {
        0 => other["data_offsets"].clone(),
        1 => json!([end, start]),
        2 => json!([start.saturating_add(4), end.saturating_add(4)]),
        3 => json!([start, u64::MAX]),
        4 => json!([u64::MAX - 3, u64::MAX]),
        _ => json!([end, end]),
    }
}

/// As many elements in another shape, or a number of elements that lies or overflows.
fn shape(random: &mut Random, info: &Value) -> Value {
    let mut reversed = info["shape"].as_array().cloned().unwrap_or_default();
    reversed.reverse();
    let count: u64 = reversed
        .iter()
        .filter_map(Value::as_u64)
        .fold(1, u64::saturating_mul);
    match random.below(8) {
        0 => reversed.into(),
        1 => json!([count]),
        2 => json!([1, count]),
        3 => json!([]),
        4 => json!([0]),
        5 => json!([0, u64::MAX]),
        6 => json!([1_u64 << 32, 1_u64 << 32]),
        _ => json!([u64::MAX]),
    }
}

/// The same bytes, said to be twice as many halves.
fn as_halves(info: &mut Value) {
    info["dtype"] = "F16".into();
    if let Some(Value::Number(last)) = info["shape"]
        .as_array_mut()
        .and_then(|shape| shape.last_mut())
    {
        *last = (2 * last.as_u64().unwrap_or(0).min(1 << 40)).into();
    }
}

/// Tensors after the last: one of no elements, or as many as end where 64 bits do.
fn append(random: &mut Random, fields: &mut Header) {
    let ends = fields
        .values()
        .filter_map(|info| info["data_offsets"][1].as_u64());
    let end = ends.max().unwrap_or(0);
    let last = one_of(random, &[end, u64::MAX - 8, u64::MAX]);
    fields.extend(tensors_up_to(end, last));
}

/// Tensors one after another from `start` to `end`, each of as many bytes as may be counted in bits.
pub(crate) fn tensors_up_to(mut start: u64, end: u64) -> Header {
    let mut tensors = Header::new();
    while start < end || tensors.is_empty() {
        let next = start.saturating_add((1 << 61) - 1).min(end.max(start));
        let info = json!({ "dtype": "U8", "shape": [next - start], "data_offsets": [start, next] });
        tensors.insert(format!("more{}", tensors.len()), info);
        start = next;
    }
    tensors
}

/// An index that names other files, or none; or is damaged as any JSON.
fn damage_index(random: &mut Random, files: &mut Files) {
    let names: Vec<String> = files.keys().cloned().collect();
    let index = files.get_mut(INDEX).unwrap();
    let mut value: Value = serde_json::from_slice(index).unwrap_or_default();
    let Some(map) = value.get_mut("weight_map").and_then(Value::as_object_mut) else {
        return json::damage(random, index);
    };
    let tensors: Vec<String> = map.keys().cloned().collect();
    if tensors.is_empty() || random.below(2) == 0 {
        return json::damage(random, index);
    }
    let lies = [
        "../../x",
        "/dev/zero",
        "lost.safetensors",
        "..",
        ".",
        "",
        "a\u{0}b",
    ];
    let lie: Value = match random.below(2) {
        0 => one_of(random, &names).into(),
        _ => one_of(random, &lies).into(),
    };
    map.insert(one_of(random, &tensors), lie);
    *index = value.to_string().into_bytes();
}
