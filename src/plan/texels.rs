//! How a tensor lies in a texture: one row for each step of the axis that grows with a run (else of the first), the
//! axes before and after it side by side in the row, four elements to a texel.

use std::borrow::Cow;

use crate::gpu::in_copies;
use crate::tensor::{Shape, Sizes};

/// A tensor's axes as a texture sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Texels {
    pub(super) outer: usize,
    pub(super) rows: usize,
    pub(super) inner: usize,
}

impl Texels {
    /// The bytes of a row as copies between buffers and textures want it.
    pub(super) fn copied_row(self) -> usize {
        in_copies(4 * self.width())
    }

    pub(super) fn of(shape: &Shape, sizes: &Sizes) -> Self {
        let axis = shape
            .dims()
            .iter()
            .position(|dim| dim.fixed().is_none())
            .unwrap_or(0);
        let dims = shape.resolve(sizes);
        let rows = dims.get(axis).copied().unwrap_or(1);
        Self {
            outer: dims[..axis].iter().product(),
            rows,
            inner: dims.iter().skip(axis + 1).product(),
        }
    }

    /// The elements of a row.
    pub(super) fn width(&self) -> usize {
        self.outer * self.inner
    }

    /// From the tensor's order, `[outer, rows, inner]`, to the texture's, `[rows, outer, inner]`.
    pub(super) fn to_texture(self, values: &[f32]) -> Vec<f32> {
        swap_axes(values.into(), [self.outer, self.rows, self.inner])
    }

    /// And back.
    pub(super) fn to_tensor(self, values: Vec<f32>) -> Vec<f32> {
        swap_axes(values.into(), [self.rows, self.outer, self.inner])
    }
}

/// `[a, b, c]` -> `[b, a, c]`
fn swap_axes(values: Cow<'_, [f32]>, [a, b, c]: [usize; 3]) -> Vec<f32> {
    if a <= 1 {
        return values.into_owned();
    }
    let row = |i: usize, j: usize| &values[(i * b + j) * c..(i * b + j + 1) * c];
    (0..b)
        .flat_map(|j| (0..a).flat_map(move |i| row(i, j)))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Dim;

    #[test]
    fn tokens_become_rows_and_come_back() {
        let shape: Shape = [Dim::Fixed(2), Dim::Tokens, Dim::Fixed(4)].into();
        let texels = Texels::of(
            &shape,
            &Sizes {
                tokens: 3,
                sequences: 1,
                longest: 3,
            },
        );
        assert_eq!((texels.rows, texels.width()), (3, 8));
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let texture = texels.to_texture(&values);
        assert_eq!(texture[..8], [0., 1., 2., 3., 12., 13., 14., 15.]);
        assert_eq!(texels.to_tensor(texture), values);
    }
}
