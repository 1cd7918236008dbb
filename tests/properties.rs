//! Every kernel at sizes that nobody chose.
//!
//! A size that fails is shrunk and printed, and its seed is kept in `tests/properties.regressions`, which is tried
//! first from then on.

mod common;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;
use wgformer::Result;
use wgformer::ops::{Activation, Pooling};
use wgformer::verify::cases::{self, Distances, Epilogue};
use wgformer::verify::{self, Case, Values};

fn config(cases: u32) -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/properties.regressions");
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(kept)),
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    }
}

fn check(case: Result<Case>) -> Result<(), TestCaseError> {
    let (gpu, _turn) = common::gpu();
    for outcome in verify::check(&gpu, &case.unwrap()).unwrap() {
        prop_assert!(outcome.failure.is_none(), "{outcome}");
    }
    Ok(())
}

fn values() -> impl Strategy<Value = Values> {
    select(Values::ALL.to_vec())
}

fn pooling() -> impl Strategy<Value = Pooling> {
    select(vec![
        Pooling::Mean,
        Pooling::Max,
        Pooling::Cls,
        Pooling::Last,
        Pooling::MeanSqrtLen,
        Pooling::WeightedMean,
    ])
}

/// Half of them multiples of four, which more kernels take.
fn columns(most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![1..=most, (1..=most / 4).prop_map(|quarter| 4 * quarter)]
}

// What sizes a kernel is compiled for decides how many cases are affordable.
proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn linear(
        m in 1_usize..200,
        n in columns(300),
        k in columns(300),
        epilogue in select(Epilogue::every()),
        values in values(),
    ) {
        check(cases::linear([m, n, k], epilogue, values))?;
    }

    #[test]
    fn normalize(rows in 1_usize..300, cols in columns(1500), values in values()) {
        check(cases::normalize(rows, cols, values))?;
    }

    #[test]
    fn softmax(rows in 1_usize..300, cols in columns(3000), values in values()) {
        check(cases::softmax(rows, cols, values))?;
    }

    #[test]
    fn top_k(
        rows in 1_usize..50,
        cols in columns(3000),
        k in 1_usize..300,
        best: bool,
        values in values(),
    ) {
        check(cases::top_k(rows, cols, k, best, values))?;
    }

    #[test]
    fn element_by_element(
        rows in 1_usize..300,
        cols in 1_usize..300,
        kind in select(Activation::ALL.to_vec()),
        values in values(),
    ) {
        check(cases::activation(rows, cols, kind, values))?;
        check(cases::multiply(rows, cols))?;
        check(cases::add(rows, cols))?;
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn qkv_linear(
        tokens in 1_usize..100,
        heads in 1_usize..6,
        head_dim in columns(70),
        pairs in 0_usize..40,
        bias: bool,
    ) {
        let rotated = (2 * pairs).min(head_dim / 2 * 2);
        check(cases::qkv_linear(tokens, heads, head_dim, rotated, bias))?;
    }

    #[test]
    fn rotary(
        tokens in 1_usize..100,
        heads in 1_usize..6,
        head_dim in (1_usize..20).prop_map(|eighth| 8 * eighth),
        pairs in columns(80),
        values in values(),
    ) {
        let rotated = (2 * pairs).min(head_dim);
        check(cases::rotary(tokens, heads, head_dim, rotated, values))?;
    }

    #[test]
    fn attention(
        lengths in vec(0_usize..150, 1..6),
        heads in 1_usize..5,
        head_dim in columns(256),
        peak in 0.0_f32..80.0,
        values in values(),
    ) {
        check(cases::attention(&lengths, heads, head_dim, peak, values))?;
    }

    #[test]
    fn attention_by_distance(
        lengths in vec(0_usize..150, 1..6),
        heads in 1_usize..5,
        head_dim in columns(256),
        window in option::of(0_usize..200),
        reach in option::of(0_usize..200),
        expanded: bool,
        causal: bool,
        values in values(),
    ) {
        let distances = Distances { window, reach, expanded, causal };
        check(cases::attention_with(&lengths, heads, head_dim, 1.0, values, distances))?;
    }

    #[test]
    fn disentangled_attention(
        lengths in vec(0_usize..150, 1..6),
        heads in 1_usize..5,
        head_dim in columns(256),
        reach in 0_usize..200,
        peak in 0.0_f32..80.0,
        values in values(),
    ) {
        check(cases::disentangled_attention(&lengths, (heads, head_dim), reach, peak, values))?;
    }

    #[test]
    fn layer_norm(rows in 1_usize..200, cols in columns(1500), values in values(), residual: bool) {
        check(cases::layer_norm(rows, cols, values, residual))?;
    }

    #[test]
    fn rms_norm(rows in 1_usize..200, cols in columns(1500), values in values(), residual: bool) {
        check(cases::rms_norm(rows, cols, values, residual))?;
    }

    #[test]
    fn embedding_sum(tokens in 1_usize..200, hidden in columns(1500), norm: bool) {
        check(cases::embedding_sum(tokens, hidden, norm))?;
    }

    #[test]
    fn unfold(
        lengths in vec(0_usize..150, 1..6),
        cols in columns(300),
        reach in 0_usize..10,
        values in values(),
    ) {
        check(cases::unfold(&lengths, cols, 2 * reach + 1, values))?;
    }

    #[test]
    fn max_sim(
        lengths in vec(0_usize..150, 1..6),
        queries in 1_usize..80,
        cols in 1_usize..300,
        values in values(),
    ) {
        check(cases::max_sim(&lengths, queries, cols, values))?;
    }

    #[test]
    fn pool(
        lengths in vec(0_usize..150, 1..20),
        hidden in columns(1500),
        pooling in pooling(),
        normalize: bool,
        values in values(),
    ) {
        check(cases::pool(&lengths, hidden, pooling, normalize, values))?;
    }
}
