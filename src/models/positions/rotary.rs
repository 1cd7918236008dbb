//! Queries and keys that are rotated by where they are.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::graph::TensorId;
use crate::models::blocks::Attending;
use crate::models::{Builder, Config};

/// The cosines and sines that rotate a head of `head_dim` columns at each position (Su and others, 2021):
/// `[max_positions, head_dim]`, a cosine and a sine for each pair. In f32 as transformers computes them.
///
/// # Errors
/// As [`Builder::computed`].
pub(in crate::models) fn rotary_table(
    builder: &mut Builder<'_>,
    max_positions: usize,
    head_dim: usize,
    rotary: &Rotary,
) -> Result<TensorId> {
    let frequency = |pair: usize| {
        let exponent = (2 * pair) as f32 / head_dim as f32;
        1.0 / rotary.theta.powf(exponent) / rotary.divisor
    };
    let values = || {
        let frequencies: Vec<f32> = (0..head_dim / 2).map(frequency).collect();
        let mut values = Vec::with_capacity(max_positions * head_dim);
        for position in 0..max_positions {
            let angles = frequencies.iter().map(|it| position as f32 * it);
            values.extend(angles.flat_map(|angle| [angle.cos(), angle.sin()]));
        }
        values
    };
    let name = format!("rotary {} {}", rotary.theta, rotary.divisor);
    builder.computed(&name, [max_positions, head_dim], values)
}

/// Attention whose queries and keys are rotated by their positions, for all layers.
///
/// # Errors
/// As [`Builder::computed`].
pub(in crate::models) fn rotated(
    builder: &mut Builder<'_>,
    max_positions: usize,
    head_dim: usize,
    rotary: &Rotary,
) -> Result<Attending> {
    let positions = builder.graph.ids("positions", max_positions);
    let segment_offsets = builder.graph.segment_offsets();
    let table = rotary_table(builder, max_positions, head_dim, rotary)?;
    Ok(Attending {
        rotary: Some((positions, table)),
        ..Attending::everywhere(segment_offsets)
    })
}

/// What a table of rotations follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::models) struct Rotary {
    /// The base of the wave lengths.
    pub(in crate::models) theta: f32,
    /// By how much positions are stretched.
    pub(in crate::models) divisor: f32,
}

impl Rotary {
    /// Positions as they are.
    pub(in crate::models) fn plain(theta: f32) -> Self {
        Self {
            theta,
            divisor: 1.0,
        }
    }
}

/// The rotation that a configuration of transformers 4 or 5 describes: `rope_theta` and `rope_scaling`, or
/// `rope_parameters`.
///
/// # Errors
/// [`crate::Error::Unsupported`] for a kind of scaling that is not done, [`crate::Error::Malformed`] for what is none.
pub(in crate::models) fn rotary_of(config: &Config, theta: f32, head_dim: usize) -> Result<Rotary> {
    let theta = config.positive("rope_theta", theta)?;
    for key in ["rope_parameters", "rope_scaling"] {
        if let Some(parameters) = config.value(key) {
            return rotary_from(config, key, parameters, theta, head_dim);
        }
    }
    Ok(Rotary::plain(theta))
}

/// What is understood of one object of `rope_parameters`.
const KEYS: [&str; 4] = ["rope_type", "type", "rope_theta", "factor"];

/// A key that would change the angles, and that nothing here asks for.
fn refuse_others(
    config: &Config,
    key: &'static str,
    parameters: &Map<String, Value>,
) -> Result<()> {
    let changes_nothing = |key: &str, value: &Value| {
        let of_whole_heads = key == "partial_rotary_factor" && value.as_f64() == Some(1.0);
        KEYS.contains(&key) || value.is_null() || of_whole_heads
    };
    let mut keys = parameters.iter();
    match keys.find(|(key, value)| !changes_nothing(key, value)) {
        None => Ok(()),
        Some((other, value)) => {
            let found = format!("with {other} {value}");
            Err(config.unsupported(key, found, KEYS.join(", ")))
        }
    }
}

/// Of one object of rotations, which is what the configuration has under `key`, or in it.
///
/// # Errors
/// As [`rotary_of`].
pub(in crate::models) fn rotary_from(
    config: &Config,
    key: &'static str,
    parameters: &Value,
    theta: f32,
    head_dim: usize,
) -> Result<Rotary> {
    let Some(parameters) = parameters.as_object() else {
        return Err(config.malformed(format!("{key} must be an object, is {parameters}")));
    };
    refuse_others(config, key, parameters)?;
    let set = |name: &str| parameters.get(name).filter(|value| !value.is_null());
    let must = |name: &str, what: &str, value: &Value| {
        config.malformed(format!("{key}: {name} must be {what}, is {value}"))
    };
    let number = |name: &str, least: f32, what: &str, default: f32| match set(name) {
        None => Ok(default),
        Some(value) => match value.as_f64().map(|number| number as f32) {
            Some(number) if number >= least && number.is_finite() => Ok(number),
            _ => Err(must(name, what, value)),
        },
    };
    let theta = number("rope_theta", f32::MIN_POSITIVE, "a positive number", theta)?;
    let factor = number("factor", 1.0, "a number, at least 1", 1.0)?;
    let mut names = ["rope_type", "type"].into_iter();
    let kind = match names.find_map(|name| Some((name, set(name)?))) {
        None => None,
        Some((name, kind)) => Some(kind.as_str().ok_or_else(|| must(name, "a name", kind))?),
    };
    match kind {
        None | Some("default") => Ok(Rotary::plain(theta)),
        Some("linear") => Ok(Rotary {
            theta,
            divisor: factor,
        }),
        // As the published code of GTE has it.
        Some("ntk") => Ok(Rotary {
            theta: theta * factor,
            divisor: factor.powf(2.0 / head_dim as f32),
        }),
        Some(other) => Err(config.unsupported("rope_type", other, "default, linear, ntk")),
    }
}
