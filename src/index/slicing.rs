use std::ops::Range;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::{COL_MULTIPLE, MAX_PLACES, ROW_MULTIPLE};

/// The most rows of a slice: enough work for one dispatch, few enough that the scores of a few hundred queries with them
/// are megabytes.
const MOST_ROWS: u64 = 8192;

/// What is read at once, by kernels and from textures.
const VECTOR: usize = 4;

/// How vectors are dealt out to slices, none of them larger than one binding of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slicing {
    pub(super) dimensions: usize,
    rows_per_slice: usize,
    /// The number of vectors.
    pub(super) count: usize,
}

impl Slicing {
    /// Of no vectors.
    pub(super) fn new(gpu: &Gpu, dimensions: usize) -> Result<Self> {
        if dimensions == 0 {
            return Err(Error::Shape {
                operation: "index",
                message: "vectors must have at least one dimension".to_owned(),
            });
        }
        let cols = dimensions.div_ceil(COL_MULTIPLE) as u64;
        let row_bytes = cols.saturating_mul(4 * COL_MULTIPLE as u64);
        let allowed = gpu.capabilities().largest_binding();
        let rows = (allowed / row_bytes).min(MOST_ROWS) as usize;
        let rows_per_slice = rows / ROW_MULTIPLE * ROW_MULTIPLE;
        if rows_per_slice == 0 {
            return Err(Error::Limit {
                thing: format!("an index of vectors of {dimensions} dimensions"),
                needed: row_bytes.saturating_mul(ROW_MULTIPLE as u64),
                allowed,
                unit: "bytes in one buffer",
                advice: "use vectors of fewer dimensions, or an adapter with a larger limit",
            });
        }
        Ok(Self {
            dimensions,
            rows_per_slice,
            count: 0,
        })
    }

    /// The same with so many more.
    pub(super) fn with(self, more: usize) -> Result<Self> {
        let needed = self.count as u64 + more as u64;
        if needed > MAX_PLACES as u64 {
            return Err(Error::Limit {
                thing: "an index".to_owned(),
                needed,
                allowed: MAX_PLACES as u64,
                unit: "vectors",
                advice: "share them out among several indexes",
            });
        }
        Ok(self.of(self.count + more))
    }

    /// The same of so many.
    pub(super) fn of(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// How many there are once the last slice is full.
    pub(super) fn end(&self) -> usize {
        let end = self.count.next_multiple_of(self.rows_per_slice);
        end.min(MAX_PLACES)
    }

    /// The length of a row, filled up.
    pub(super) fn cols(&self) -> usize {
        self.dimensions.next_multiple_of(VECTOR)
    }

    /// The places of each slice's vectors.
    pub(super) fn slices(&self) -> impl Iterator<Item = Range<usize>> {
        let Self {
            rows_per_slice,
            count,
            ..
        } = *self;
        let starts = (0..count).step_by(rows_per_slice);
        starts.map(move |start| start..count.min(start + rows_per_slice))
    }

    /// Whether the next vector begins a slice.
    pub(super) fn is_full(&self) -> bool {
        self.count.is_multiple_of(self.rows_per_slice)
    }

    /// The most rows of a slice that there is.
    pub(super) fn most_rows(&self) -> usize {
        self.rows_per_slice.min(filled_up(self.count))
    }
}

/// The rows of a slice's weight matrix.
pub(super) fn filled_up(rows: usize) -> usize {
    rows.next_multiple_of(VECTOR)
}

/// A slice as the weight of a linear layer: its name says which vectors it holds, so that one of the same name is the
/// same as long as the index grows.
pub(super) fn name(slice: &Range<usize>) -> String {
    format!("vectors {}..{}", slice.start, slice.end)
}
