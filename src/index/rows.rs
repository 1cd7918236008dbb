use std::borrow::Cow;
use std::ops::Range;

use super::options::length;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::ops::MAX_PLACES;
use crate::plan::Weights;

/// The most rows of a slice: enough work for one dispatch, few enough that the scores of a few hundred queries with them
/// are megabytes.
const MOST_ROWS: u64 = 8192;

/// Linear layers fill up the rows and the columns of a weight to multiples of these.
const ROW_MULTIPLE: usize = 64;
const COL_MULTIPLE: usize = 32;

/// What is read at once, by kernels and from textures.
const VECTOR: usize = 4;

/// The vectors on the host, one after another in slices, each filled up with zeros to a multiple of four: a zero adds
/// nothing to a dot product, and the fast kernels want vectors of four.
#[derive(Clone)]
pub(super) struct Rows {
    dimensions: usize,
    rows_per_slice: usize,
    slices: Vec<Vec<f32>>,
    count: usize,
    longest: f64,
}

impl Rows {
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
            slices: vec![],
            count: 0,
            longest: 0.0,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The length of a row, filled up.
    pub(super) fn cols(&self) -> usize {
        self.dimensions.next_multiple_of(VECTOR)
    }

    pub(super) fn bytes(&self) -> u64 {
        let elements: usize = self.slices.iter().map(Vec::capacity).sum();
        4 * elements as u64
    }

    /// The length of the longest vector.
    pub(super) fn longest(&self) -> f64 {
        self.longest
    }

    /// Checks that there may be so many more.
    pub(super) fn reserve(&self, more: usize) -> Result<()> {
        let needed = self.count as u64 + more as u64;
        if needed <= MAX_PLACES as u64 {
            return Ok(());
        }
        Err(Error::Limit {
            thing: "an index".to_owned(),
            needed,
            allowed: MAX_PLACES as u64,
            unit: "vectors",
            advice: "share them out among several indexes",
        })
    }

    /// `vector`: `[dimensions]`, checked.
    pub(super) fn push(&mut self, vector: &[f32]) {
        if self.count.is_multiple_of(self.rows_per_slice) {
            self.slices.push(vec![]);
        }
        let cols = self.cols();
        let slice = self.slices.last_mut().expect("pushed for the first row");
        slice.extend_from_slice(vector);
        slice.resize(slice.len().next_multiple_of(cols), 0.0);
        self.count += 1;
        self.longest = self.longest.max(length(vector));
    }

    /// Every vector, in order: `[dimensions]` each.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        let rows = self
            .slices
            .iter()
            .flat_map(|slice| slice.chunks_exact(self.cols()));
        rows.map(|row| &row[..self.dimensions])
    }

    /// The places of each slice's vectors.
    pub(super) fn slices(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = (0..self.count).step_by(self.rows_per_slice);
        starts.map(|start| start..self.count.min(start + self.rows_per_slice))
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

impl Rows {
    fn slice(&self, tensor: &str) -> Option<&[f32]> {
        let place = self.slices().position(|slice| name(&slice) == tensor)?;
        Some(&self.slices[place])
    }
}

impl Weights for Rows {
    fn location(&self) -> String {
        "the index".to_owned()
    }

    fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        let rows = self.slice(tensor)?.len() / self.cols();
        Some(vec![filled_up(rows), self.cols()])
    }

    fn values(&self, tensor: &str) -> Result<Cow<'_, [f32]>> {
        let slice = self.slice(tensor).ok_or_else(|| Error::TensorMissing {
            location: self.location(),
            tensor: tensor.to_owned(),
        })?;
        let elements = filled_up(slice.len() / self.cols()) * self.cols();
        if slice.len() == elements {
            return Ok(Cow::Borrowed(slice));
        }
        let mut filled = slice.to_vec();
        filled.resize(elements, 0.0);
        Ok(Cow::Owned(filled))
    }
}
