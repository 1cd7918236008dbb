//! A table of the checkpoint through one of its linear layers: what depends on no text is computed once, at load.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::error::Result;
use crate::plan::Weights;

/// What is computed, by names of the checkpoint.
#[derive(Clone, Debug)]
pub(super) struct TableProduct {
    /// The table, `[rows, k]`.
    pub(super) table: String,
    pub(super) k: usize,
    /// Which of its rows stands at each place of the result; all of them in order, if it does not say.
    pub(super) places: Option<Arc<[u32]>>,
    /// What the table's rows are normalised by, if they are.
    pub(super) norm: Option<Norm>,
    /// `[n, k]`
    pub(super) weight: String,
    /// `[n]`
    pub(super) bias: Option<String>,
}

/// A layer norm.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) weight: String,
    pub(super) bias: String,
    pub(super) eps: f32,
}

impl TableProduct {
    /// The result at these places, `[places, n]`.
    pub(super) fn rows(
        &self,
        source: &dyn Weights,
        places: impl Iterator<Item = usize>,
    ) -> Result<Vec<f32>> {
        let row = |place: usize| match &self.places {
            Some(places) => places[place],
            None => place as u32,
        };
        let rows: Vec<u32> = places.map(row).collect();
        // Neighbouring places often have the same row.
        let mut distinct = rows.clone();
        distinct.dedup();
        let mut x = source.rows(&self.table, &distinct)?;
        let k = self.k;
        if let Some(norm) = &self.norm {
            norm.normalise(source, &mut x, k)?;
        }
        let weight = source.values(&self.weight)?;
        let mut y = linear(&x, &weight, k);
        let n = weight.len() / k;
        if let Some(bias) = &self.bias {
            let bias = source.values(bias)?;
            for row in y.chunks_exact_mut(n) {
                row.iter_mut().zip(&*bias).for_each(|(y, bias)| *y += bias);
            }
        }
        let runs = rows.chunk_by(|a, b| a == b).map(<[u32]>::len);
        let rows = y.chunks_exact(n).zip(runs);
        Ok(rows.flat_map(|(row, times)| row.repeat(times)).collect())
    }
}

impl Norm {
    /// `x`: `[rows, k]`
    fn normalise(&self, source: &dyn Weights, x: &mut [f32], k: usize) -> Result<()> {
        let (weight, bias) = (source.values(&self.weight)?, source.values(&self.bias)?);
        for row in x.chunks_exact_mut(k) {
            let mean = row.iter().sum::<f32>() / k as f32;
            let squares = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>();
            let scale = 1.0 / (squares / k as f32 + self.eps).sqrt();
            for (x, (weight, bias)) in row.iter_mut().zip(weight.iter().zip(&*bias)) {
                *x = (*x - mean) * scale * weight + bias;
            }
        }
        Ok(())
    }
}

/// The rows that share each row of a weight while it is in the nearest cache.
const ROWS: usize = 16;

/// `x · weight^T` on every core; `x`: `[rows, k]`, `weight`: `[n, k]`, the result: `[rows, n]`.
fn linear(x: &[f32], weight: &[f32], k: usize) -> Vec<f32> {
    let n = weight.len() / k;
    let mut y = vec![0.0; x.len() / k * n];
    let parts = y.chunks_mut(ROWS * n).zip(x.chunks(ROWS * k));
    let parts = Mutex::new(parts);
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some((y, x)) = next() {
            for (column, weight) in weight.chunks_exact(k).enumerate() {
                for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(k)) {
                    y[column] = dot(x, weight);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..cores {
            // Where the system gives no thread, the others do its part.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    y
}

/// The sum of products, in an order that compilers have vectors for.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f32 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Checkpoint;

    /// As a run without tokens asks for.
    #[test]
    fn of_no_rows_there_is_nothing() {
        let folder = "tests/data/tiny/deberta-of-position-to-content";
        let checkpoint = Checkpoint::open(folder.as_ref()).unwrap();
        let product = TableProduct {
            table: "embeddings.word_embeddings.weight".to_owned(),
            k: 20,
            places: None,
            norm: None,
            weight: "embeddings.embed_proj.weight".to_owned(),
            bias: None,
        };
        let rows = |places: &[usize]| product.rows(&checkpoint, places.iter().copied());
        assert!(rows(&[]).unwrap().is_empty());
        assert_eq!(rows(&[3, 3, 1]).unwrap().len(), 3 * 32);
    }
}
