//! Where a model's weights come from.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::tensor::{Data, Tensor};

/// Where a graph's parameters come from: a checkpoint, or tensors in memory.
///
/// ```
/// use std::collections::HashMap;
/// use wgformer::plan::Weights;
/// use wgformer::tensor::Tensor;
///
/// let weights = HashMap::from([("weight".to_owned(), Tensor::new([2, 1], vec![3.0, 4.0]))]);
/// assert_eq!(weights.shape("weight"), Some(vec![2, 1]));
/// assert_eq!(Weights::values(&weights, "weight")?[..], [3.0, 4.0]);
/// assert_eq!(weights.rows("weight", &[1])?, [4.0]);
/// assert!(weights.expect_shape("weight", &[1, 2]).is_err());
/// assert_eq!(weights.location(), "memory"); // which errors name
/// # Ok::<(), wgformer::Error>(())
/// ```
pub trait Weights: Send + Sync {
    /// Where they are, for error messages.
    fn location(&self) -> String;

    /// A tensor's shape, row-major; `None` if there is no such tensor.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// A tensor's elements, as f32, row-major.
    ///
    /// # Errors
    /// [`Error::TensorMissing`] if there is no such tensor, [`Error::Malformed`] if it cannot be read.
    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>>;

    /// Some rows of a matrix, as f32, one after another.
    ///
    /// # Errors
    /// As [`Weights::values`].
    ///
    /// # Panics
    /// If there is no such row.
    fn rows(&self, name: &str, rows: &[u32]) -> Result<Vec<f32>> {
        let values = self.values(name)?;
        let cols = self.shape(name).and_then(|shape| shape.last().copied());
        let cols = cols.unwrap_or(0);
        let row = |row: &u32| &values[*row as usize * cols..(*row as usize + 1) * cols];
        Ok(rows.iter().flat_map(row).copied().collect())
    }

    /// Checks that a tensor is there and has the shape that the configuration says.
    ///
    /// # Errors
    /// [`Error::TensorMissing`] or [`Error::TensorShape`].
    fn expect_shape(&self, name: &str, expected: &[usize]) -> Result<()> {
        let (location, tensor) = (self.location(), name.to_owned());
        match self.shape(name) {
            None => Err(Error::TensorMissing { location, tensor }),
            Some(found) if found != expected => Err(Error::TensorShape {
                location,
                tensor,
                found,
                expected: expected.to_vec(),
            }),
            Some(_) => Ok(()),
        }
    }
}

impl Weights for HashMap<String, Tensor> {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.get(name)?.shape().to_vec())
    }

    fn values(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        match self.get(name).map(Tensor::data) {
            Some(Data::F32(values)) => Ok(Cow::Borrowed(values)),
            // Integers are no weights.
            Some(Data::U32(_)) | None => Err(Error::TensorMissing {
                location: self.location(),
                tensor: name.to_owned(),
            }),
        }
    }
}

/// A parameter's elements on the host, its shape checked.
pub(super) fn read<'a>(
    name: &str,
    shape: &[usize],
    weights: &'a dyn Weights,
) -> Result<Cow<'a, [f32]>> {
    weights.expect_shape(name, shape)?;
    let values = weights.values(name)?;
    if values.len() == shape.iter().product::<usize>() {
        return Ok(values);
    }
    Err(Error::TensorShape {
        location: weights.location(),
        tensor: name.to_owned(),
        found: vec![values.len()],
        expected: shape.to_vec(),
    })
}
