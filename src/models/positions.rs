//! Tables of what attention knows of positions.

use std::sync::Arc;

use super::blocks::Attending;
use super::{Builder, Config};
use crate::error::Result;
use crate::graph::TensorId;

/// The cosines and sines that rotate a head of `head_dim` columns at each position (Su and others, 2021):
/// `[max_positions, head_dim]`, a cosine and a sine for each pair. In f32 as transformers computes them.
pub(super) fn rotary_table(
    builder: &mut Builder<'_>,
    max_positions: usize,
    head_dim: usize,
    rotary: &Rotary,
) -> TensorId {
    let half = head_dim / 2;
    let frequencies: Vec<f32> = (0..half)
        .map(|pair| {
            let exponent = (2 * pair) as f32 / head_dim as f32;
            1.0 / rotary.theta.powf(exponent) / rotary.divisor
        })
        .collect();
    let mut values = Vec::with_capacity(max_positions * head_dim);
    for position in 0..max_positions {
        let angles = frequencies.iter().map(|it| position as f32 * it);
        values.extend(angles.flat_map(|angle| [angle.cos(), angle.sin()]));
    }
    let name = format!("rotary {} {}", rotary.theta, rotary.divisor);
    builder.computed(&name, [max_positions, head_dim], values)
}

/// Attention whose queries and keys are rotated by their positions, for all layers.
pub(super) fn rotated(
    builder: &mut Builder<'_>,
    max_positions: usize,
    head_dim: usize,
    rotary: &Rotary,
) -> Attending {
    let positions = builder.graph.ids("positions", max_positions);
    let segment_offsets = builder.graph.segment_offsets();
    let table = rotary_table(builder, max_positions, head_dim, rotary);
    Attending {
        rotary: Some((positions, table)),
        ..Attending::everywhere(segment_offsets)
    }
}

/// What a table of rotations follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rotary {
    /// The base of the wave lengths.
    pub(super) theta: f32,
    /// By how much positions are stretched.
    pub(super) divisor: f32,
}

impl Rotary {
    /// Positions as they are.
    pub(super) fn plain(theta: f32) -> Self {
        Self {
            theta,
            divisor: 1.0,
        }
    }
}

/// `slope(head) * -|distance|` for each head and distance up to `reach` (Press and others, 2022):
/// `[heads, 2 * reach + 1]`.
pub(super) fn alibi_table(builder: &mut Builder<'_>, heads: usize, reach: usize) -> TensorId {
    let mut values = Vec::with_capacity(heads * (2 * reach + 1));
    for slope in alibi_slopes(heads) {
        let distances = (0..=reach).rev().chain(1..=reach);
        values.extend(distances.map(|distance| -slope * distance as f32));
    }
    builder.computed("alibi", [heads, 2 * reach + 1], values)
}

/// A geometric series for a power of two; else that of the next lower one, and every second of the next higher one's.
fn alibi_slopes(heads: usize) -> Vec<f32> {
    let series = |count: usize| {
        let start = (-8.0 / count as f64).exp2();
        (1..=count).map(move |power| start.powf(power as f64) as f32)
    };
    let lower = if heads.is_power_of_two() {
        heads
    } else {
        heads.next_power_of_two() / 2
    };
    let between = series(2 * lower).step_by(2);
    series(lower).chain(between).take(heads).collect()
}

/// The relative position bias of T5 and MPNet, from its table of buckets `[buckets, heads]` in the checkpoint:
/// `[heads, 2 * max_distance + 1]`; farther keys have the last bucket's.
///
/// # Errors
/// As [`Builder::parameter`].
pub(super) fn bucket_table(
    builder: &mut Builder<'_>,
    name: &str,
    [buckets, heads]: [usize; 2],
    max_distance: usize,
) -> Result<TensorId> {
    let of_buckets = builder.values(name, &[buckets, heads])?;
    let distances = 2 * max_distance + 1;
    let mut values = Vec::with_capacity(heads * distances);
    for head in 0..heads {
        for place in 0..distances {
            let later = place as i64 - max_distance as i64; // of the key
            let bucket = bucket_of(later, buckets, max_distance);
            values.push(of_buckets[bucket * heads + head]);
        }
    }
    Ok(builder.computed("relative positions", [heads, distances], values))
}

/// As transformers' `relative_position_bucket`: half of the buckets for keys before the query and half for those
/// after, half of each for single distances and the rest for longer and longer ones.
fn bucket_of(later: i64, buckets: usize, max_distance: usize) -> usize {
    let half = buckets / 2;
    let exact = half / 2;
    let distance = later.unsigned_abs() as usize;
    let within = if distance < exact {
        distance
    } else {
        let ratio = (distance as f32 / exact as f32).ln();
        let of_all = ratio / (max_distance as f32 / exact as f32).ln();
        (exact + (of_all * (half - exact) as f32) as usize).min(half - 1)
    };
    if later > 0 { half + within } else { within }
}

/// Which row of DeBERTa's table of relative positions stands for each distance of a key, from the farthest before its
/// query to the farthest behind: as many to each side as a text of `max_tokens` has, or as have different rows.
///
/// Of the table's rows, twice as many as there are `buckets` (or distances up to `max_distance`, if there are none), those
/// of keys behind their query come first.
pub(super) fn distance_rows(buckets: usize, max_distance: usize, max_tokens: usize) -> Arc<[u32]> {
    let span = if buckets > 0 { buckets } else { max_distance } as i64;
    let row = |earlier: i64| {
        let bucket = match buckets {
            0 => earlier,
            _ => log_bucket_of(earlier, buckets, max_distance),
        };
        (bucket + span).clamp(0, 2 * span - 1)
    };
    let farthest = max_tokens as i64 - 1;
    let is_outermost = |distance: &i64| row(*distance) == 2 * span - 1 && row(-distance) == 0;
    let reach = (0..farthest).find(is_outermost).unwrap_or(farthest);
    (-reach..=reach)
        .rev()
        .map(|earlier| row(earlier) as u32)
        .collect()
}

/// As transformers' `make_log_bucket_position`, in f32: single distances up to half of the buckets, then longer and longer
/// ones; of the same sign.
fn log_bucket_of(earlier: i64, buckets: usize, max_distance: usize) -> i64 {
    let half = buckets / 2;
    let distance = earlier.unsigned_abs() as usize;
    if distance <= half {
        return earlier;
    }
    let of_all = ((max_distance - 1) as f64 / half as f64) as f32;
    let ratio = (distance as f32 / half as f32).ln() / of_all.ln();
    let bucket = (ratio * (half - 1) as f32).ceil() as i64 + half as i64;
    bucket * earlier.signum()
}

/// The rotation that a configuration of transformers 4 or 5 describes: `rope_theta` and `rope_scaling`, or
/// `rope_parameters`.
///
/// # Errors
/// [`crate::Error::Unsupported`] for a kind of scaling that is not done, [`crate::Error::Malformed`] for what is none.
pub(super) fn rotary_of(config: &Config, theta: f32, head_dim: usize) -> Result<Rotary> {
    let theta = config.positive("rope_theta", theta)?;
    let parameters = config.value("rope_parameters");
    let parameters = parameters.or_else(|| config.value("rope_scaling"));
    match parameters {
        None => Ok(Rotary::plain(theta)),
        Some(parameters) => rotary_from(config, parameters, theta, head_dim),
    }
}

/// Of one object of `rope_parameters`.
pub(super) fn rotary_from(
    config: &Config,
    parameters: &serde_json::Value,
    theta: f32,
    head_dim: usize,
) -> Result<Rotary> {
    let number = |key: &str| parameters.get(key).and_then(serde_json::Value::as_f64);
    let theta = number("rope_theta").map_or(theta, |theta| theta as f32);
    let kind = ["rope_type", "type"]
        .iter()
        .find_map(|key| parameters.get(*key)?.as_str());
    let factor = number("factor").map_or(1.0, |factor| factor as f32);
    if !(theta.is_finite() && theta > 0.0 && factor.is_finite() && factor >= 1.0) {
        return Err(config.malformed(format!(
            "rope_parameters must have a positive rope_theta and a factor of at least 1, are {parameters}"
        )));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_paper() {
        let eight: Vec<f32> = (1..=8).map(|power| 0.5_f32.powi(power)).collect();
        assert_eq!(alibi_slopes(8), eight);
        let twelve = alibi_slopes(12);
        assert_eq!(twelve[..8], eight);
        assert!((twelve[8] - 0.5_f32.sqrt()).abs() < 1e-6, "{}", twelve[8]);
        assert_eq!(twelve.len(), 12);
    }

    /// `transformers.models.mpnet.modeling_mpnet.MPNetEncoder.relative_position_bucket` of 5.23.
    #[test]
    fn buckets_are_those_of_transformers() {
        for (later, expected) in [
            (0, 0),
            (-1, 1),
            (1, 17),
            (-7, 7),
            (-8, 8),
            (8, 24),
            (-12, 9),
            (-16, 10),
            (-32, 12),
            (64, 30),
            (-91, 15),
            (-90, 14),
            (127, 31),
            (1000, 31),
        ] {
            assert_eq!(bucket_of(later, 32, 128), expected, "{later}");
        }
    }

    /// `transformers.models.deberta_v2.modeling_deberta_v2.make_log_bucket_position` of 5.23.
    #[test]
    fn log_buckets_are_those_of_transformers() {
        for (earlier, buckets, max_distance, expected) in [
            (0, 256, 512, 0),
            (-1, 256, 512, -1),
            (128, 256, 512, 128),
            (129, 256, 512, 129),
            (133, 256, 512, 132),
            (-510, 256, 512, -255),
            (511, 256, 512, 255),
            (512, 256, 512, 256),
            (600, 256, 512, 270),
            (-1200, 256, 512, -334),
            (-5, 8, 20, -5),
            (9, 8, 20, 6),
            (-19, 8, 20, -7),
            (20, 8, 20, 8),
            (3, 7, 30, 3),
            (8, 7, 30, 4),
            (-29, 7, 30, -5),
            (-1200, 7, 30, -9),
        ] {
            let found = log_bucket_of(earlier, buckets, max_distance);
            assert_eq!(found, expected, "{earlier} of {buckets}");
        }
    }

    #[test]
    fn a_table_of_distances_ends_where_its_rows_do() {
        // Keys behind their query have the first rows.
        assert_eq!(*distance_rows(0, 2, 100), [3, 3, 2, 1, 0]);
        assert_eq!(*distance_rows(0, 2, 2), [3, 2, 1]);
        assert_eq!(*distance_rows(0, 2, 1), [2]);
        let of_v3 = distance_rows(256, 512, 512);
        assert_eq!((of_v3.len(), of_v3[0], of_v3[511]), (1023, 511, 256));
        assert_eq!(of_v3[1022], 1); // a key 511 places behind, which has not the farthest bucket
        let longer = distance_rows(256, 512, 10_000);
        assert_eq!((longer.len(), longer[0], longer[1024]), (1025, 511, 0));
    }
}
