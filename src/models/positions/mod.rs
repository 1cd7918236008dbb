//! Tables of positions, a file per kind: what attention knows of them, or what is added to embeddings.

mod alibi;
mod buckets;
mod rotary;
mod sinusoidal;

pub(super) use alibi::alibi_table;
pub(super) use buckets::{bucket_table, distance_rows};
pub(super) use rotary::{Rotary, rotary_from, rotary_of, rotary_table, rotated};
pub(super) use sinusoidal::sinusoidal;
