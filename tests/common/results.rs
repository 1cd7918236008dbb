//! What a library in Python gave, as JSON has it.

use serde_json::Value;

/// The largest difference of a score.
const BOUND: f64 = 5e-4;

pub(crate) fn strings(values: &Value) -> Vec<String> {
    let values = values.as_array().unwrap().iter();
    values.map(|it| it.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn is_near(found: f32, expected: &Value, what: &str) {
    let difference = (f64::from(found) - expected.as_f64().unwrap()).abs();
    assert!(
        difference <= BOUND,
        "{what}: {found} is off by {difference}"
    );
}

pub(crate) fn list(values: &Value) -> &[Value] {
    values.as_array().unwrap()
}
