use super::rounded;
use crate::tensor::Tensor;

/// The front end of an encoder: `word[ids[t]] + position[positions[t]] + kind[types[t]]`.
///
/// `ids`, `positions`, `types`: `[tokens]`; `word`: `[vocabulary, hidden]`; `position`: `[max_positions, hidden]`;
/// `kind`: `[max_types, hidden]`; the result: `[tokens, hidden]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let [ids, positions, types] = [(); 3].map(|()| Tensor::new([1], vec![0_u32]));
/// let [word, position, kind] = [[1.0, 2.0], [0.0, 1.0], [0.0, 0.0]].map(|row| Tensor::new([1, 2], row.to_vec()));
/// let y = reference::embedding_sum([&ids, &positions, &types], [&word, &position, &kind]);
/// assert_eq!(y.f32(), [1.0, 3.0]);
/// ```
#[must_use]
pub fn embedding_sum(indices: [&Tensor; 3], tables: [&Tensor; 3]) -> Tensor {
    let hidden = tables[0].cols();
    let row = |table: usize, token: usize| {
        let index = indices[table].u32()[token] as usize;
        &tables[table].f32()[index * hidden..(index + 1) * hidden]
    };
    let tokens = indices[0].u32().len();
    rounded(
        &[tokens, hidden],
        (0..tokens).flat_map(|token| {
            let rows = [0, 1, 2].map(|table| row(table, token));
            (0..hidden).map(move |c| rows.iter().map(|row| f64::from(row[c])).sum())
        }),
    )
}
