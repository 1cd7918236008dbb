//! Distances that are told apart the less, the longer they are.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::TensorId;
use crate::models::Builder;

/// The relative position bias of T5 and MPNet, from its table of buckets `[buckets, heads]` in the checkpoint:
/// `[heads, 2 * max_distance + 1]`; farther keys have the last bucket's.
///
/// # Errors
/// As [`Builder::parameter`] and [`Builder::computed`].
pub(in crate::models) fn bucket_table(
    builder: &mut Builder<'_>,
    name: &str,
    [buckets, heads]: [usize; 2],
    max_distance: usize,
) -> Result<TensorId> {
    let of_buckets = builder.values(name, &[buckets, heads])?;
    let distances = 2 * max_distance + 1;
    let buckets: Vec<usize> = (0..distances)
        .map(|place| {
            let later = place as i64 - max_distance as i64; // of the key
            bucket_of(later, buckets, max_distance)
        })
        .collect();
    let of_head = |head| buckets.iter().map(move |bucket| bucket * heads + head);
    let values = || (0..heads).flat_map(of_head).map(|place| of_buckets[place]);
    builder.computed("relative positions", [heads, distances], || {
        values().collect()
    })
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
pub(in crate::models) fn distance_rows(
    buckets: usize,
    max_distance: usize,
    max_tokens: usize,
) -> Arc<[u32]> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
