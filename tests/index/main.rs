//! An index against brute force in f64, on several kinds of devices, and what it says to files and vectors that are wrong.

#[path = "../common/mod.rs"]
mod common;
mod file;
mod hits;
mod memory;

use wgformer::Gpu;
use wgformer::index::{Hit, Index, IndexOptions, Metric};
use wgformer::tasks::cosine;
use wgformer::verify::{Random, Tolerance};

/// The adapter's own, one with buffers so small that an index has many slices, and one on buffers alone.
pub(crate) fn devices(gpu: &Gpu) -> [Gpu; 3] {
    let capabilities = gpu.capabilities();
    let small = wgpu::Limits {
        max_storage_buffer_binding_size: 1 << 18,
        ..capabilities.limits.clone()
    };
    [
        gpu.clone(),
        common::device(gpu, capabilities.features, small),
        common::plain(gpu),
    ]
}

pub(crate) fn vectors(seed: u64, count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|_| (0..dimensions).map(|_| random.unit()).collect())
        .collect()
}

pub(crate) fn score(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    match metric {
        Metric::Cosine => cosine(a, b),
        _ => {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum::<f64>() as f32
        }
    }
}

/// Every hit's score is the reference's, they stand in order, and nothing that was left out is better than the last.
pub(crate) fn assert_nearest(
    hits: &[Hit],
    query: &[f32],
    rows: &[Vec<f32>],
    k: usize,
    metric: Metric,
) {
    assert_eq!(hits.len(), k.min(rows.len()));
    let magnitude = if metric == Metric::Cosine {
        1.0
    } else {
        query.len() as f32
    };
    let tolerance = Tolerance::dot(query.len()).scaled(magnitude);
    let mut reference: Vec<f32> = rows.iter().map(|row| score(metric, query, row)).collect();
    for pair in hits.windows(2) {
        let is_tie = pair[0].score == pair[1].score && pair[0].index < pair[1].index;
        assert!(pair[0].score > pair[1].score || is_tie, "{pair:?}");
    }
    for hit in hits {
        let share = tolerance.share(hit.score, reference[hit.index]);
        assert!(
            share <= 1.0,
            "{hit:?}, the reference has {}",
            reference[hit.index]
        );
        reference[hit.index] = f32::NEG_INFINITY; // taken
    }
    let left = reference.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if let Some(last) = hits.last() {
        let allowed = tolerance.allowed(last.score) as f32;
        assert!(
            left <= last.score + allowed,
            "{left} was left out for {last:?}"
        );
    }
}

pub(crate) fn index(gpu: &Gpu, rows: &[Vec<f32>], options: &IndexOptions) -> Index {
    let mut index = Index::new(gpu, rows[0].len(), options).unwrap();
    index.add(rows).unwrap();
    index
}
