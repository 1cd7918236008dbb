//! Damage to any JSON file, whatever it means.

use serde_json::Value;
use wgformer::verify::Random;

/// Numbers at the edges of types and of sense, as JSON has them.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "-0",
    "2",
    "3",
    "16",
    "31",
    "64",
    "65",
    "0.5",
    "1e-60",
    "1e30",
    "1e308",
    "1e999",
    "268435456",
    "268435457",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
];

const OTHERS: &[&str] = &[
    "null",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "\"32\"",
    "\"../../x\"",
    "\"/\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[0]",
    "[[[[0]]]]",
    "{\"type\":null}",
    "NaN",
    "nul",
];

pub(crate) fn one_of<T: Clone>(random: &mut Random, of: &[T]) -> T {
    of[random.below(of.len())].clone()
}

pub(crate) fn number(random: &mut Random) -> &'static str {
    one_of(random, NUMBERS)
}

/// Leaves JSON that holds what nobody expects, or what is no JSON at all.
pub(crate) fn damage(random: &mut Random, json: &mut Vec<u8>) {
    match (random.below(8), serde_json::from_slice(json)) {
        (0, _) => json.truncate(random.below(json.len() + 1)),
        (1, _) | (_, Err(_)) => damage_bytes(random, json),
        (2, Ok(value)) => *json = remove(random, value).into_bytes(),
        (3, Ok(value)) => *json = repeat_a_key(random, &value).into_bytes(),
        (_, Ok(value)) => *json = replace(random, value).into_bytes(),
    }
}

/// Flips a bit, or writes what looks right, what is no UTF-8, or nothing, in up to three places.
pub(crate) fn damage_bytes(random: &mut Random, bytes: &mut Vec<u8>) {
    const LIKELY: &[u8] = b"0123456789-\"[]{},:.e \\\xff\x00";
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            return;
        }
        let place = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => drop(bytes.remove(place)),
            2 => bytes.insert(place, one_of(random, LIKELY)),
            _ => bytes[place] = one_of(random, LIKELY),
        }
    }
}

/// Puts something else in the place of one value, wherever it is.
fn replace(random: &mut Random, value: Value) -> String {
    let pointers = pointers(&value);
    let place = one_of(random, &pointers);
    let new = match random.below(4) {
        0 => value
            .pointer(&one_of(random, &pointers))
            .unwrap()
            .to_string(),
        _ => strange(random),
    };
    replace_at(value, &place, &new)
}

/// The JSON with `new` at a place; `new` need not be JSON.
pub(crate) fn replace_at(mut value: Value, pointer: &str, new: &str) -> String {
    const MARK: &str = "\u{1}here\u{1}";
    *value.pointer_mut(pointer).expect("one of its pointers") = MARK.into();
    let mark = Value::from(MARK).to_string();
    value.to_string().replacen(&mark, new, 1)
}

/// What no file should hold.
fn strange(random: &mut Random) -> String {
    match random.below(8) {
        0 => nested(random),
        1 => large(random),
        2..=4 => number(random).to_owned(),
        _ => one_of(random, OTHERS).to_owned(),
    }
}

/// About as deep as parsers allow, or far too deep; closed or not.
fn nested(random: &mut Random) -> String {
    let depth = one_of(random, &[100, 126, 127, 128, 5_000, 100_000]);
    let (open, close) = one_of(
        random,
        &[
            ("[", "]"),
            ("{\"a\":", "}"),
            ("{\"type\":\"Sequence\",\"normalizers\":[", "]}"),
        ],
    );
    let end = if random.below(2) == 0 {
        String::new()
    } else {
        format!("0{}", close.repeat(depth))
    };
    open.repeat(depth) + &end
}

/// Much that is small in the file, and perhaps not in memory.
fn large(random: &mut Random) -> String {
    let item = one_of(random, &["0", "[]", "{}", "\"\"", "0.1", "null"]);
    let count = 20_000;
    match random.below(3) {
        0 => format!("\"{}\"", "x".repeat(100_000)),
        1 => format!("[{}]", vec![item; count].join(",")),
        _ => {
            let fields: Vec<String> = (0..count).map(|key| format!("\"{key}\":{item}")).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// Leaves out a field or an element.
fn remove(random: &mut Random, mut value: Value) -> String {
    let pointers = pointers(&value);
    let place = one_of(random, &pointers);
    let (parent, name) = place.rsplit_once('/').unwrap_or_default();
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(&unescaped(name))),
        Some(Value::Array(elements)) if !elements.is_empty() => {
            elements.remove(random.below(elements.len()));
        }
        _ => {}
    }
    value.to_string()
}

/// Says a field twice, with two values.
fn repeat_a_key(random: &mut Random, value: &Value) -> String {
    let is_field = |pointer: &String| {
        let parent = pointer.rsplit_once('/').map(|(parent, _)| parent);
        parent.is_some_and(|parent| value.pointer(parent).is_some_and(Value::is_object))
    };
    let fields: Vec<String> = pointers(value).into_iter().filter(is_field).collect();
    if fields.is_empty() {
        return value.to_string();
    }
    let name = unescaped(one_of(random, &fields).rsplit_once('/').unwrap().1);
    let key = Value::from(name).to_string() + ":";
    let twice = format!("{key}{},{key}", strange(random));
    value.to_string().replacen(&key, &twice, 1)
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// The places of all values, as JSON pointers.
fn pointers(value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    collect(value, String::new(), &mut all);
    all
}

fn collect(value: &Value, here: String, all: &mut Vec<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let key = key.replace('~', "~0").replace('/', "~1");
        collect(value, format!("{here}/{key}"), all);
    }
    for (place, value) in value.as_array().into_iter().flatten().enumerate() {
        collect(value, format!("{here}/{place}"), all);
    }
    all.push(here);
}
