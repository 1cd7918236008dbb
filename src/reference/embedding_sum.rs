use super::layer_norm::normalised;
use super::rounded;
use crate::tensor::Tensor;

/// The front end of BERT: `layer_norm(word[ids[t]] + position[positions[t]] + kind[types[t]])`.
///
/// `ids`, `positions`, `types`: `[tokens]`; `word`: `[vocabulary, hidden]`; `position`: `[max_positions, hidden]`;
/// `kind`: `[max_types, hidden]`; `weight`, `bias`: `[hidden]`; the result: `[tokens, hidden]`.
///
/// ```
/// use wgformer::{reference, tensor::Tensor};
///
/// let [ids, positions, types] = [(); 3].map(|()| Tensor::new([1], vec![0_u32]));
/// let [word, position, kind] = [[1.0, 2.0], [0.0, 1.0], [0.0, 0.0]].map(|row| Tensor::new([1, 2], row.to_vec()));
/// let (weight, bias) = (Tensor::new([2], vec![1.0; 2]), Tensor::new([2], vec![0.0; 2]));
/// let tables = [&word, &position, &kind];
/// let y = reference::embedding_sum([&ids, &positions, &types], tables, &weight, &bias, 0.0);
/// assert_eq!(y.f32(), [-1.0, 1.0]); // of the sum, 1 and 3
/// ```
#[must_use]
pub fn embedding_sum(
    indices: [&Tensor; 3],
    tables: [&Tensor; 3],
    weight: &Tensor,
    bias: &Tensor,
    eps: f32,
) -> Tensor {
    let hidden = weight.cols();
    let row = |table: usize, token: usize| {
        let index = indices[table].u32()[token] as usize;
        &tables[table].f32()[index * hidden..(index + 1) * hidden]
    };
    let tokens = indices[0].u32().len();
    rounded(
        &[tokens, hidden],
        (0..tokens).flat_map(|token| {
            let sum: Vec<f64> = (0..hidden)
                .map(|c| (0..3).map(|table| f64::from(row(table, token)[c])).sum())
                .collect();
            normalised(&sum, weight.f32(), bias.f32(), eps)
        }),
    )
}
