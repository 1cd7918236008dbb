//! What a tokenizer may make of a text, and take to do so. The tokenizer crate does whatever a file says, and a short file
//! can say "double every letter" forty times over: that is refused before the crate sees it.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The most that normalizers and pre-tokenizers together may lengthen a text, by the bound that [`growth`] knows of
/// each. What is in use stays below 1,000 (ALBERT: NFKD, lower case and a metaspace).
const MAX_GROWTH: f64 = 4096.0;

/// The most letters in all regular expressions together, repetitions written out: two of them, `\w`, take 200 KB while
/// they are compiled. Those in use have some hundreds.
const MAX_PATTERN: f64 = 4096.0;

/// How often a text may stand in the templates of the post-processor; those in use have it three times, with pairs.
const MAX_REPEATS: f64 = 16.0;

/// The parts of `tokenizer.json` that act on a text outside its model.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
}

/// Refuses a file whose tokenizer could make far more of a text than it is, or take far more memory than the file.
///
/// # Errors
/// What is wrong, for people to read.
pub(super) fn check(json: &[u8]) -> Result<(), String> {
    let parts: Parts = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let lengthening = objects(&[&parts.normalizer, &parts.pre_tokenizer]);
    let all = objects(&[
        &parts.normalizer,
        &parts.pre_tokenizer,
        &parts.post_processor,
        &parts.decoder,
    ]);
    at_most(
        MAX_GROWTH,
        lengthening.iter().map(|part| growth(part)).product(),
        "times longer can its normalizer and pre-tokenizer make a text",
    )?;
    let field = |name: &'static str| {
        let fields = all.iter().filter_map(move |part| part.get(name));
        fields.map(|value| value.as_str().unwrap_or_default())
    };
    at_most(
        MAX_PATTERN,
        field("Regex").map(written_out).sum(),
        "letters have its regular expressions, repetitions written out",
    )?;
    at_most(
        MAX_REPEATS,
        field("Sequence").count() as f64,
        "times does its post-processor repeat a text",
    )?;
    at_most(
        1.0,
        field(CHARSMAP).count() as f64,
        "precompiled_charsmaps are there",
    )?;
    field(CHARSMAP).try_for_each(check_charsmap)
}

const CHARSMAP: &str = "precompiled_charsmap";

fn at_most(most: f64, found: f64, what: &str) -> Result<(), String> {
    if found <= most {
        return Ok(());
    }
    Err(format!("{found:.0} {what}; {most} is the most"))
}

/// Every object in `values`, at whatever depth: parts nest, and their fields are what makes them what they are.
fn objects<'a>(values: &[&'a Value]) -> Vec<&'a Map<String, Value>> {
    let mut found = Vec::new();
    let mut left = values.to_vec();
    while let Some(value) = left.pop() {
        left.extend(value.as_array().into_iter().flatten());
        if let Some(fields) = value.as_object() {
            left.extend(fields.values());
            found.push(fields);
        }
    }
    found
}

/// How many times longer a part can make a text at most, in bytes of UTF-8.
fn growth(part: &Map<String, Value>) -> f64 {
    let length = |value: &Value| value.as_str().map_or(0.0, |text| text.len() as f64);
    let field = |name: &str| part.get(name).map_or(0.0, length);
    if let Some(pattern) = part.get("pattern").filter(|_| part.contains_key("content")) {
        return match pattern.get("String").map(length) {
            Some(replaced) if replaced > 0.0 => (field("content") / replaced).max(1.0),
            // It may match nothing, before every letter.
            _ => 1.0 + field("content"),
        };
    }
    match part.get("type").and_then(Value::as_str) {
        Some("NFC" | "NFD") => 3.0, // the bounds of Unicode's annex 15
        Some("NFKC" | "NFKD") => 11.0,
        Some("Lowercase") => 1.5,
        Some("BertNormalizer") => 8.0, // NFD, lower case, spaces around what is Chinese
        Some("ByteLevel") => 4.0,      // two bytes for one, and a space before each piece
        Some("Metaspace") => 8.0,      // four bytes for a space, and as many before each piece
        Some("Prepend") => 1.0 + field("prepend"),
        _ => 1.0,
    }
}

/// The length of a regular expression, times all the numbers of repetitions in it: nested, they multiply.
fn written_out(pattern: &str) -> f64 {
    let repetitions = pattern.split('{').skip(1).filter_map(|rest| {
        let numbers = rest.split_once('}')?.0.split(',');
        numbers
            .filter_map(|number| number.trim().parse::<u32>().ok())
            .max()
    });
    let repeated: f64 = repetitions.map(|number| f64::from(number.max(1))).product();
    pattern.len() as f64 * repeated
}

/// A charsmap starts with the length of its trie in bytes, which the crate allocates unseen.
fn check_charsmap(base64: &str) -> Result<(), String> {
    let digit = |digit: u8| match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    // Six digits are the four bytes and four bits more.
    let digits = base64.bytes().take(6).map_while(digit);
    let bits = digits.fold(0, |bits, digit| bits << 6 | u64::from(digit)) >> 4;
    let length = u64::from((bits as u32).swap_bytes());
    if length > base64.len() as u64 {
        return Err(format!(
            "its precompiled_charsmap of {} characters says that {length} bytes follow",
            base64.len()
        ));
    }
    Ok(())
}
