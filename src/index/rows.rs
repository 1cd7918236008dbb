use std::borrow::Cow;
use std::sync::Arc;

use super::options::length;
use super::slicing::{Slicing, filled_up, name};
use crate::error::{Error, Result};
use crate::plan::Weights;

/// The vectors on the host, one after another in slices, each filled up with zeros to a multiple of four: a zero adds
/// nothing to a dot product, and the fast kernels want vectors of four. Clones share all slices but those that grow.
#[derive(Clone)]
pub(super) struct Rows {
    slicing: Slicing,
    slices: Vec<Arc<Vec<f32>>>,
    longest: f64,
}

impl Rows {
    pub(super) fn new(slicing: Slicing) -> Self {
        Self {
            slicing,
            slices: vec![],
            longest: 0.0,
        }
    }

    pub(super) fn slicing(&self) -> Slicing {
        self.slicing
    }

    pub(super) fn bytes(&self) -> u64 {
        let elements: usize = self.slices.iter().map(|slice| slice.capacity()).sum();
        4 * elements as u64
    }

    /// The length of the longest vector.
    pub(super) fn longest(&self) -> f64 {
        self.longest
    }

    /// `vector`: `[dimensions]`, checked.
    pub(super) fn push(&mut self, vector: &[f32]) {
        if self.slicing.is_full() {
            self.slices.push(Arc::default());
        }
        let slice = self.slices.last_mut().expect("pushed for the first row");
        let slice = Arc::make_mut(slice);
        slice.extend_from_slice(vector);
        slice.resize(slice.len().next_multiple_of(self.slicing.cols()), 0.0);
        self.slicing.count += 1;
        self.longest = self.longest.max(length(vector));
    }

    /// Every vector, in order: `[dimensions]` each.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        let cols = self.slicing.cols();
        let rows = self.slices.iter().flat_map(move |it| it.chunks_exact(cols));
        rows.map(|row| &row[..self.slicing.dimensions])
    }

    fn slice(&self, tensor: &str) -> Option<&[f32]> {
        let mut slices = self.slicing.slices();
        let place = slices.position(|slice| name(&slice) == tensor)?;
        Some(&self.slices[place])
    }
}

impl Weights for Rows {
    fn location(&self) -> String {
        "the index".to_owned()
    }

    fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        let cols = self.slicing.cols();
        let rows = self.slice(tensor)?.len() / cols;
        Some(vec![filled_up(rows), cols])
    }

    fn values(&self, tensor: &str) -> Result<Cow<'_, [f32]>> {
        let slice = self.slice(tensor).ok_or_else(|| Error::TensorMissing {
            location: self.location(),
            tensor: tensor.to_owned(),
        })?;
        let cols = self.slicing.cols();
        let elements = filled_up(slice.len() / cols) * cols;
        if slice.len() == elements {
            return Ok(Cow::Borrowed(slice));
        }
        let mut filled = slice.to_vec();
        filled.resize(elements, 0.0);
        Ok(Cow::Owned(filled))
    }
}
