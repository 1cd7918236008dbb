//! Rows of a weight that one lane of a kernel must have together.

/// An order of rows: of each block's first `paired`, those of the first half stand before those of the second half that
/// they are paired with, `run` and `run` at a time.
///
/// ```
/// use wgformer::kernel::Pairs;
///
/// let pairs = Pairs { rows: 8, block: 8, paired: 8, run: 2 };
/// let rows: Vec<usize> = (0..10).map(|place| pairs.row_at(place)).collect();
/// assert_eq!(rows, [0, 1, 4, 5, 2, 3, 6, 7, 8, 9]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pairs {
    /// How many rows are in blocks, from the first on; others stay where they are.
    pub rows: usize,
    /// The rows of a block.
    pub block: usize,
    /// How many of those, the first, are paired: a multiple of `2 * run`.
    pub paired: usize,
    /// How many rows stand together.
    pub run: usize,
}

impl Pairs {
    /// Which row stands at a place.
    #[must_use]
    pub fn row_at(&self, place: usize) -> usize {
        let within = place % self.block;
        if place >= self.rows || within >= self.paired {
            return place;
        }
        let (group, of_group) = (within / (2 * self.run), within % (2 * self.run));
        let (half, of_run) = (of_group / self.run, of_group % self.run);
        place - within + half * (self.paired / 2) + group * self.run + of_run
    }

    /// Rows of `cols` elements in this order.
    pub(crate) fn arrange(&self, values: &[f32], cols: usize) -> Vec<f32> {
        let row = |place| &values[self.row_at(place) * cols..][..cols];
        let rows = values.len() / cols.max(1);
        (0..rows).flat_map(row).copied().collect()
    }
}
