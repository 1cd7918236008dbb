//! How weight matrices are laid out for the kernels that read them.

use crate::tensor::WeightType;

/// The order in which a kernel reads a weight matrix.
///
/// ```
/// use wgformer::kernel::{Layout, Matrix};
/// use wgformer::tensor::WeightType;
///
/// let matrix = Matrix::new(&[1.0, 2.0], 2, WeightType::F16);
/// assert_eq!(Layout::RowMajor.pack(&matrix), [0x4000_3c00]); // two halves, the first in the low bits
/// assert_eq!(Layout::RowMajor.words([3, 2], WeightType::F16), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Row-major: an f32, two halves or four integers a word.
    RowMajor,
    /// A matrix `[n, k]`, whose rows are a linear layer's output columns, as panels of `4 * lanes` output columns:
    /// `[n / (4 * lanes)][k / steps][lanes][steps][4]`, where `steps` is 1 in f32, 2 in f16 and 4 in int8, so that a
    /// lane reads four columns, of as many k as fit, by one load of four words.
    ///
    /// Columns and k are padded with zeros, k to a multiple of `k_multiple` (a multiple of 4).
    Panels {
        /// The lanes that share a panel.
        lanes: usize,
        /// What k is padded to a multiple of.
        k_multiple: usize,
    },
    /// A matrix `[n, k]`, whose rows are a linear layer's output columns, as square matrices of `size`:
    /// `[n / size][k / size][size columns][size k]`, each of which a subgroup loads in one piece.
    ///
    /// Columns and k are padded with zeros to multiples of `n_multiple` and `k_multiple`, which are multiples of `size`.
    SquareMatrices {
        /// Rows and columns of each.
        size: usize,
        /// What n is padded to a multiple of.
        n_multiple: usize,
        /// What k is padded to a multiple of.
        k_multiple: usize,
    },
}

impl Layout {
    /// The matrix laid out so.
    #[must_use]
    pub fn pack(self, matrix: &Matrix<'_>) -> Vec<u32> {
        let packed = match self {
            Self::RowMajor => row_major(matrix),
            Self::Panels { lanes, k_multiple } => panels(matrix, lanes, k_multiple),
            Self::SquareMatrices {
                size,
                n_multiple,
                k_multiple,
            } => square_matrices(matrix, size, n_multiple, k_multiple),
        };
        debug_assert_eq!(
            packed.len(),
            self.words([matrix.rows(), matrix.cols], matrix.stored_as)
        );
        packed
    }

    /// How many words a matrix of so many rows and columns takes.
    #[must_use]
    pub fn words(self, [rows, cols]: [usize; 2], stored_as: WeightType) -> usize {
        let [rows, cols] = match self {
            Self::RowMajor => [rows, cols],
            Self::Panels { lanes, k_multiple } => [
                rows.next_multiple_of(4 * lanes),
                cols.next_multiple_of(k_multiple),
            ],
            Self::SquareMatrices {
                n_multiple,
                k_multiple,
                ..
            } => [
                rows.next_multiple_of(n_multiple),
                cols.next_multiple_of(k_multiple),
            ],
        };
        (rows * cols * stored_as.bits() as usize).div_ceil(32)
    }
}

/// A weight matrix on the host, before it is packed.
///
/// ```
/// use wgformer::kernel::Matrix;
/// use wgformer::tensor::WeightType;
///
/// let matrix = Matrix::new(&[1.0, -127.0, 254.0, 2.0], 2, WeightType::I8);
/// assert_eq!((matrix.rows(), matrix.scales()), (2, &[1.0, 2.0][..]));
/// ```
#[derive(Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    cols: usize,
    stored_as: WeightType,
    /// Of each row, where elements are integers.
    scales: Vec<f32>,
}

impl<'a> Matrix<'a> {
    /// The matrix of rows of `cols` elements, to be stored as `stored_as`; `values`: `[rows, cols]`.
    #[must_use]
    pub fn new(values: &'a [f32], cols: usize, stored_as: WeightType) -> Self {
        let scales = match stored_as {
            WeightType::I8 => values.chunks(cols.max(1)).map(scale).collect(),
            WeightType::F32 | WeightType::F16 => vec![],
        };
        Self {
            values,
            cols,
            stored_as,
            scales,
        }
    }

    /// The length of the first axis.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.cols.max(1)
    }

    /// What each row's integers are multiplied by; empty unless elements are integers.
    #[must_use]
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The bits of the element at `row`, `col`, and zero beyond the edges.
    fn bits(&self, row: usize, col: usize) -> u32 {
        if row >= self.rows() || col >= self.cols {
            return 0;
        }
        let value = self.values[row * self.cols + col];
        match self.stored_as {
            WeightType::F32 => value.to_bits(),
            WeightType::F16 => half::f16::from_f32(value).to_bits().into(),
            WeightType::I8 => quantized(value, self.scales[row]).cast_unsigned().into(),
        }
    }
}

/// What is tried as a row's scale, as shares of the one by which its largest magnitude is 127; that one first, so that
/// it stays where no other is better.
const SHARES: [f32; 7] = [1.0, 0.97, 0.98, 0.99, 1.01, 1.02, 1.03];

/// The one of a few whose integers are the closest to the row: by chance some suit it better than others, which short
/// texts show (docs/performance.md).
fn scale(row: &[f32]) -> f32 {
    let largest = row.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    let scales = SHARES.map(|share| share * (largest / 127.0));
    let errors = scales.map(|scale| (squared_error(row, scale), scale));
    let best = errors.into_iter().min_by(|(a, _), (b, _)| a.total_cmp(b));
    best.expect("there are shares").1
}

/// Of a row's integers times their scale; eight sums, so that the compiler makes a vector of them.
fn squared_error(row: &[f32], scale: f32) -> f32 {
    let square = |value: f32| {
        let error = value - rounded(value, scale) * scale;
        error * error
    };
    let chunks = row.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().map(|value| square(*value)).sum();
    let mut sums = [0.0; 8];
    for values in chunks {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += square(*value);
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// To the nearest integer, a half to the even one, by an addition after which an f32 has no bits for less:
/// `f32::round` is a function call for every weight.
fn rounded(value: f32, scale: f32) -> f32 {
    const NO_FRACTION: f32 = 12_582_912.0; // 1.5 * 2^23
    ((value / scale).clamp(-127.0, 127.0) + NO_FRACTION) - NO_FRACTION
}

fn quantized(value: f32, scale: f32) -> i8 {
    if scale == 0.0 {
        return 0;
    }
    rounded(value, scale) as i8
}

/// As many elements to a word as fit, the first in the low bits, as WGSL's `unpack2x16float` and `unpack4xI8` have it.
fn pack_words(elements: impl Iterator<Item = u32>, bits: u32, packed: &mut Vec<u32>) {
    let per_word = 32 / bits;
    for (place, element) in (0..per_word).cycle().zip(elements) {
        if place == 0 {
            packed.push(0);
        }
        let word = packed.last_mut().expect("pushed at place 0");
        *word |= element << (place * bits);
    }
}

fn row_major(matrix: &Matrix<'_>) -> Vec<u32> {
    if matrix.stored_as == WeightType::F32 {
        return bytemuck::cast_slice(matrix.values).to_vec(); // tables of embeddings are large
    }
    let places = (0..matrix.rows()).flat_map(|row| (0..matrix.cols).map(move |col| (row, col)));
    let mut packed = Vec::new();
    let elements = places.map(|(row, col)| matrix.bits(row, col));
    pack_words(elements, matrix.stored_as.bits(), &mut packed);
    packed
}

fn panels(matrix: &Matrix<'_>, lanes: usize, k_multiple: usize) -> Vec<u32> {
    let bits = matrix.stored_as.bits();
    let steps = (32 / bits) as usize;
    let loads = matrix.cols.next_multiple_of(k_multiple) / steps;
    let panels = matrix.rows().div_ceil(4 * lanes);
    let mut packed = vec![0; 4 * panels * loads * lanes];
    // Four rows of the matrix at a time, along k, as they lie in memory.
    for panel in 0..panels {
        for lane in 0..lanes {
            let column = 4 * (panel * lanes + lane);
            for load in 0..loads {
                let start = 4 * ((panel * loads + load) * lanes + lane);
                let words = &mut packed[start..start + 4];
                for (element, k) in (load * steps..(load + 1) * steps).enumerate() {
                    for offset in 0..4 {
                        let place = 4 * element + offset;
                        let shift = (place % steps) as u32 * bits;
                        words[place / steps] |= matrix.bits(column + offset, k) << shift;
                    }
                }
            }
        }
    }
    packed
}

fn square_matrices(
    matrix: &Matrix<'_>,
    size: usize,
    n_multiple: usize,
    k_multiple: usize,
) -> Vec<u32> {
    let n_padded = matrix.rows().next_multiple_of(n_multiple);
    let k_padded = matrix.cols.next_multiple_of(k_multiple);
    let bits = matrix.stored_as.bits();
    let mut packed = Vec::with_capacity(n_padded * k_padded * bits as usize / 32);
    for first_column in (0..n_padded).step_by(size) {
        for first_k in (0..k_padded).step_by(size) {
            let places = (first_column..first_column + size)
                .flat_map(|column| (first_k..first_k + size).map(move |k| (column, k)));
            let elements = places.map(|(column, k)| matrix.bits(column, k));
            pack_words(elements, bits, &mut packed);
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]; // [3, 2]

    fn matrix(stored_as: WeightType) -> Matrix<'static> {
        Matrix::new(&VALUES, 2, stored_as)
    }

    fn halves(words: &[u32]) -> Vec<f32> {
        let bits = words
            .iter()
            .flat_map(|word| [*word as u16, (word >> 16) as u16]);
        bits.map(|bits| half::f16::from_bits(bits).to_f32())
            .collect()
    }

    fn integers(words: &[u32]) -> Vec<i8> {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        bytes.map(u8::cast_signed).collect()
    }

    #[test]
    fn panels_pad_with_zeros() {
        let panels = Layout::Panels {
            lanes: 1,
            k_multiple: 4,
        };
        let f32s: Vec<f32> = panels
            .pack(&matrix(WeightType::F32))
            .into_iter()
            .map(f32::from_bits)
            .collect();
        let rows_of_k = [[0., 2., 4., 0.], [1., 3., 5., 0.], [0.; 4], [0.; 4]];
        assert_eq!(f32s, rows_of_k.concat());
        assert_eq!(
            halves(&panels.pack(&matrix(WeightType::F16))),
            rows_of_k.concat()
        );
        assert_eq!(
            integers(&panels.pack(&matrix(WeightType::I8))),
            [[0, 84, 102, 0], [127, 126, 127, 0], [0; 4], [0; 4]].concat()
        );
    }

    #[test]
    fn square_matrices_follow_one_another_along_k_and_pad_with_zeros() {
        let values: Vec<f32> = (0_u8..15).map(f32::from).collect(); // [3, 5]
        let matrix = Matrix::new(&values, 5, WeightType::F16);
        let of_two = [
            [[0., 1.], [5., 6.]],
            [[2., 3.], [7., 8.]],
            [[4., 0.], [9., 0.]],
            [[0.; 2]; 2],
            [[10., 11.], [0., 0.]],
            [[12., 13.], [0., 0.]],
            [[14., 0.], [0., 0.]],
            [[0.; 2]; 2],
        ];
        let squares = Layout::SquareMatrices {
            size: 2,
            n_multiple: 4,
            k_multiple: 4,
        };
        assert_eq!(halves(&squares.pack(&matrix)), of_two.concat().concat());
    }

    #[test]
    fn rows_are_packed_one_after_another() {
        assert_eq!(
            halves(&Layout::RowMajor.pack(&matrix(WeightType::F16))),
            VALUES
        );
        assert_eq!(
            integers(&Layout::RowMajor.pack(&matrix(WeightType::I8))),
            [0, 127, 84, 126, 102, 127, 0, 0]
        );
    }

    #[test]
    fn integers_times_their_scale_are_the_values() {
        assert_eq!(
            matrix(WeightType::I8).scales(),
            [1.0 / 127.0, 1.01 * (3.0 / 127.0), 5.0 / 127.0]
        );
        assert!(matrix(WeightType::F16).scales().is_empty());
        let zeros = Matrix::new(&[0.0, -0.0], 2, WeightType::I8);
        assert_eq!(Layout::RowMajor.pack(&zeros), [0]);
        let signs = Matrix::new(&[-1.0, 0.5, 1e-9], 3, WeightType::I8);
        assert_eq!(integers(&Layout::RowMajor.pack(&signs)), [-126, 63, 0, 0]);
    }
}
