use crate::tensor::Tensor;

/// Each token beside its neighbours, column by column: `y[t, c * size + j] = x[t + j - size / 2, c]`, and 0 where that is
/// outside of t's own segment. `size` is odd.
///
/// `x`: `[tokens, cols]`; `segment_offsets`: `[sequences + 1]`; the result: `[tokens, cols * size]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let x = Tensor::new([3, 1], vec![1.0, 2.0, 3.0]);
/// let segment_offsets = Tensor::new([3], vec![0_u32, 2, 3]); // two tokens, and one
/// let y = reference::unfold(&x, &segment_offsets, 3);
/// assert_eq!(y.f32(), [0.0, 1.0, 2.0, 1.0, 2.0, 0.0, 0.0, 3.0, 0.0]);
/// ```
#[must_use]
pub fn unfold(x: &Tensor, segment_offsets: &Tensor, size: usize) -> Tensor {
    let (cols, rows) = (x.cols(), x.rows().collect::<Vec<_>>());
    let mut values = Vec::with_capacity(rows.len() * cols * size);
    for ends in segment_offsets.u32().windows(2) {
        let segment = &rows[ends[0] as usize..ends[1] as usize];
        for place in 0..segment.len() {
            let neighbours = (0..size).map(|j| {
                let place = (place + j).checked_sub(size / 2)?;
                segment.get(place)
            });
            let neighbours: Vec<_> = neighbours.collect();
            values.extend((0..cols).flat_map(|c| {
                neighbours
                    .iter()
                    .map(move |it| it.map_or(0.0, |row| row[c]))
            }));
        }
    }
    Tensor::new([rows.len(), cols * size], values)
}
