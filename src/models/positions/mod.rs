//! Tables of what attention knows of positions, a file per kind.

mod alibi;
mod buckets;
mod rotary;

pub(super) use alibi::alibi_table;
pub(super) use buckets::{bucket_table, distance_rows};
pub(super) use rotary::{Rotary, rotary_from, rotary_of, rotary_table, rotated};
