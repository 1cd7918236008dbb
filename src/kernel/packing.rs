//! How weight matrices are laid out for the kernels that read them.

use std::sync::Arc;

use crate::tensor::WeightType;

/// Lays a weight matrix out in the order that a kernel reads it.
pub type Pack = Arc<dyn Fn(&Matrix<'_>) -> Vec<u32> + Send + Sync>;

/// A weight matrix on the host, before it is packed.
#[derive(Debug)]
pub struct Matrix<'a> {
    /// `[rows, cols]`
    pub values: &'a [f32],
    /// The length of the first axis.
    pub rows: usize,
    /// The length of the second axis.
    pub cols: usize,
    /// The type its elements are stored as.
    pub stored_as: WeightType,
}

impl Matrix<'_> {
    /// The element at `row`, `col`, and zero beyond the edges.
    #[must_use]
    pub fn get(&self, row: usize, col: usize) -> f32 {
        if row < self.rows && col < self.cols {
            self.values[row * self.cols + col]
        } else {
            0.0
        }
    }
}

/// The matrix in row-major order: an f32, or two halves, a word.
#[must_use]
pub fn row_major() -> Pack {
    Arc::new(|matrix| match matrix.stored_as {
        WeightType::F16 => {
            let halves: Vec<half::f16> = matrix
                .values
                .iter()
                .copied()
                .map(half::f16::from_f32)
                .collect();
            halves
                .chunks(2)
                .map(|pair| pack_halves(pair[0], pair.get(1).copied().unwrap_or_default()))
                .collect()
        }
        WeightType::F32 => matrix.values.iter().map(|value| value.to_bits()).collect(),
    })
}

/// A matrix `[n, k]`, whose rows are a linear layer's output columns, as panels of `4 * lanes` output columns: `[n / (4 * lanes)][k][lanes][4]` in f32,
/// `[n / (4 * lanes)][k / 2][lanes][2][4]` in f16, so that a lane reads four columns (f16: of two k) by one load.
///
/// Columns and k are padded with zeros, k to a multiple of `k_multiple` (an even number).
#[must_use]
pub fn panels(lanes: usize, k_multiple: usize) -> Pack {
    Arc::new(move |matrix| {
        let columns = 4 * lanes;
        let k_padded = matrix.cols.next_multiple_of(k_multiple);
        let panel_count = matrix.rows.div_ceil(columns);
        let mut packed = Vec::with_capacity(
            panel_count * columns * k_padded * matrix.stored_as.bits() as usize / 32,
        );
        for panel in 0..panel_count {
            match matrix.stored_as {
                WeightType::F16 => {
                    pack_panel_f16(matrix, panel * columns, columns, k_padded, &mut packed)
                }
                WeightType::F32 => {
                    pack_panel_f32(matrix, panel * columns, columns, k_padded, &mut packed)
                }
            }
        }
        packed
    })
}

fn pack_panel_f32(
    matrix: &Matrix<'_>,
    first: usize,
    columns: usize,
    k_padded: usize,
    packed: &mut Vec<u32>,
) {
    for k in 0..k_padded {
        packed.extend((first..first + columns).map(|column| matrix.get(column, k).to_bits()));
    }
}

fn pack_panel_f16(
    matrix: &Matrix<'_>,
    first: usize,
    columns: usize,
    k_padded: usize,
    packed: &mut Vec<u32>,
) {
    let half = |column, k| half::f16::from_f32(matrix.get(column, k));
    for k in (0..k_padded).step_by(2) {
        for column in (first..first + columns).step_by(4) {
            for k in [k, k + 1] {
                packed.push(pack_halves(half(column, k), half(column + 1, k)));
                packed.push(pack_halves(half(column + 2, k), half(column + 3, k)));
            }
        }
    }
}

/// Two halves in a word, the first in the low bits, as WGSL's `unpack2x16float` has it.
fn pack_halves(low: half::f16, high: half::f16) -> u32 {
    u32::from(low.to_bits()) | u32::from(high.to_bits()) << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_pad_with_zeros() {
        let values: Vec<f32> = (0..6).map(|value| value as f32).collect();
        let matrix = |stored_as| Matrix {
            values: &values,
            rows: 3,
            cols: 2,
            stored_as,
        };
        let f32s: Vec<f32> = panels(1, 4)(&matrix(WeightType::F32))
            .into_iter()
            .map(f32::from_bits)
            .collect();
        assert_eq!(
            f32s,
            [
                0., 2., 4., 0., 1., 3., 5., 0., 0., 0., 0., 0., 0., 0., 0., 0.
            ]
        );
        let f16s = panels(1, 2)(&matrix(WeightType::F16));
        let halves: Vec<f32> = f16s
            .iter()
            .flat_map(|word| [*word as u16, (word >> 16) as u16])
            .map(|bits| half::f16::from_bits(bits).to_f32())
            .collect();
        assert_eq!(halves, [0., 2., 4., 0., 1., 3., 5., 0.]);
    }
}
