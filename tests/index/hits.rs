//! What is found, beside brute force, and what is refused.

use std::time::Duration;

use wgformer::Error;
use wgformer::index::{Hit, Index, IndexOptions, Metric};
use wgformer::plan::Control;
use wgformer::tasks::cosine;
use wgformer::tensor::WeightType;
use wgformer::verify::Random;

use crate::{assert_nearest, common, devices, score, vectors};

#[test]
fn hits_are_those_of_brute_force() {
    let (gpu, _turn) = common::gpu();
    for gpu in devices(&gpu) {
        for (dimensions, count, ks) in [
            (1, 3, &[1, 5][..]),
            (5, 3001, &[1, 10, 1000, 4000]),
            (384, 700, &[1, 100, 1000]),
            (385, 66, &[7]),
        ] {
            let rows = vectors(1, count, dimensions);
            let queries = vectors(2, 3, dimensions);
            for metric in [Metric::Cosine, Metric::DotProduct] {
                let options = IndexOptions::default().metric(metric);
                let mut index = Index::new(&gpu, dimensions, &options).unwrap();
                index.add(&rows).unwrap();
                assert_eq!((index.len(), index.dimensions()), (count, dimensions));
                for k in ks {
                    let hits = index.search(&queries, *k).unwrap();
                    assert_eq!(hits.len(), 3);
                    for (hits, query) in hits.iter().zip(&queries) {
                        assert_nearest(hits, query, &rows, *k, metric);
                    }
                }
            }
        }
    }
}

/// Small integers, of which every type of storage holds all and no sum is rounded: many scores are equal, and every
/// order but that of the indices would show.
#[test]
fn of_equal_scores_the_earlier_come_first_whatever_the_storage() {
    let (gpu, _turn) = common::gpu();
    let mut random = Random::new(3);
    let mut small = |largest: f32| {
        let mut row: Vec<f32> = (0..6).map(|_| random.below(3) as f32 - 1.0).collect();
        row[0] = largest;
        row
    };
    let rows: Vec<Vec<f32>> = (0..9000).map(|_| small(127.0)).collect();
    let query = [small(0.0)];
    let scores = rows
        .iter()
        .map(|row| score(Metric::DotProduct, &query[0], row));
    let mut expected: Vec<(usize, f32)> = scores.enumerate().collect();
    expected.sort_by(|(_, a), (_, b)| b.total_cmp(a)); // stable
    for gpu in devices(&gpu) {
        for weight_type in WeightType::ALL {
            let options = IndexOptions::default()
                .metric(Metric::DotProduct)
                .weight_type(weight_type);
            let mut index = Index::new(&gpu, 6, &options).unwrap();
            index.add(&rows).unwrap();
            for k in [1, 17, 5000, 9000] {
                let hits = &index.search(&query, k).unwrap()[0];
                let found = hits.iter().map(|hit| (hit.index, hit.score));
                let wrong = found.zip(&expected).position(|(a, b)| a != *b);
                assert!(
                    hits.len() == k && wrong.is_none(),
                    "{weight_type}, {k}: {} hits, {wrong:?}",
                    hits.len()
                );
            }
        }
    }
}

#[test]
fn f16_and_int8_take_less_memory_and_find_nearly_the_same() {
    let (gpu, _turn) = common::gpu();
    let (rows, queries) = (vectors(4, 500, 384), vectors(5, 4, 384));
    let mut bytes = Vec::new();
    for (weight_type, within) in [
        (WeightType::F32, 1e-5),
        (WeightType::F16, 1e-3),
        (WeightType::I8, 1e-2),
    ] {
        let options = IndexOptions::default().weight_type(weight_type);
        let mut index = Index::new(&gpu, 384, &options).unwrap();
        index.add(&rows).unwrap();
        assert_eq!(index.memory().weights, 0);
        index.upload().unwrap();
        bytes.push(index.memory().weights);
        assert!(index.host_bytes() >= 4 * 500 * 384);
        for (hits, query) in index.search(&queries, 10).unwrap().iter().zip(&queries) {
            for hit in hits {
                let expected = cosine(query, &rows[hit.index]);
                assert!(
                    (hit.score - expected).abs() < within,
                    "{weight_type}: {hit:?}, {expected}"
                );
            }
        }
    }
    assert!(
        bytes[0] >= 4 * 500 * 384 && bytes[1] < bytes[0] * 6 / 10 && bytes[2] < bytes[0] * 35 / 100,
        "{bytes:?}"
    );
}

#[test]
fn an_index_that_grew_is_that_of_all_its_vectors() {
    let (gpu, _turn) = common::gpu();
    let [_, small, _] = devices(&gpu);
    let rows = vectors(6, 5000, 9);
    let queries = vectors(7, 2, 9);
    let index_of = |parts: &[&[Vec<f32>]]| {
        let mut index = Index::new(&small, 9, &IndexOptions::default()).unwrap();
        for part in parts {
            index.add(part).unwrap();
            index.search(&queries, 3).unwrap();
        }
        let hits = [3, 300].map(|k| index.search(&queries, k).unwrap());
        (index.memory().weights, hits)
    };
    let whole = index_of(&[&rows]);
    let grown = index_of(&[
        &rows[..1],
        &rows[1..2],
        &rows[2..2048],
        &rows[2048..4999],
        &rows[4999..],
    ]);
    assert!(grown == whole, "to the bit, and in as many bytes");
}

#[test]
fn more_queries_than_a_run_takes_and_threads_give_the_same_hits() {
    let (gpu, _turn) = common::gpu();
    let (rows, queries) = (vectors(8, 1000, 12), vectors(9, 600, 12));
    let mut index = Index::new(&gpu, 12, &IndexOptions::default()).unwrap();
    index.add(&rows).unwrap();
    let hits = index.search(&queries, 5).unwrap();
    assert_eq!(hits.len(), queries.len());
    for (hits, query) in hits.iter().zip(&queries) {
        assert_nearest(hits, query, &rows, 5, Metric::Cosine);
    }
    let mut done = Vec::new();
    let control = Control::new().progress(|at| done.push((at.done, at.total)));
    assert_eq!(index.search_with(&queries, 5, control).unwrap(), hits);
    assert!(done.len() > 1 && done.is_sorted(), "{done:?}");
    assert_eq!(done.last(), Some(&(600, 600)));
    let at_once = Control::new().timeout(Duration::ZERO);
    let error = index.search_with(&queries, 5, at_once).unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    let fresh = Index::new(&gpu, 12, &IndexOptions::default());
    let mut fresh = fresh.unwrap();
    fresh.add(&rows).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (fresh, queries, hits) = (&fresh, &queries, &hits);
            scope.spawn(move || {
                for first in (thread * 25..600).step_by(100) {
                    let part = first..first + 25;
                    let k = [5, 40][thread % 2]; // a plan of its own
                    let found = fresh.search(&queries[part.clone()], k).unwrap();
                    for (found, expected) in found.iter().zip(&hits[part]) {
                        assert_eq!(found[..5], expected[..]);
                    }
                }
            });
        }
    });
}

#[test]
fn nothing_is_found_where_there_is_nothing() {
    let (gpu, _turn) = common::gpu();
    let mut index = Index::new(&gpu, 3, &IndexOptions::default()).unwrap();
    assert!(index.is_empty());
    index.upload().unwrap();
    index.add::<[f32; 3]>(&[]).unwrap();
    assert_eq!(index.search(&[[1.0; 3]; 2], 4).unwrap(), [vec![], vec![]]);
    index.add(&[[1.0, 2.0, 3.0], [0.0; 3]]).unwrap();
    assert_eq!(
        index.search::<[f32; 3]>(&[], 4).unwrap(),
        Vec::<Vec<Hit>>::new()
    );
    assert_eq!(index.search(&[[1.0; 3]], 0).unwrap(), [vec![]]);
    // Zeros are near to nothing: neither as a vector nor as a query.
    let scores = |query| {
        let hits = index.search(&[query], usize::MAX).unwrap();
        hits[0]
            .iter()
            .map(|hit| (hit.index, hit.score))
            .collect::<Vec<_>>()
    };
    assert_eq!(scores([-1.0, -2.0, -3.0]), [(1, 0.0), (0, -1.0)]);
    assert_eq!(scores([0.0; 3]), [(0, 0.0), (1, 0.0)]);
}

#[test]
fn a_vector_or_a_query_that_does_not_fit_is_named() {
    let (gpu, _turn) = common::gpu();
    let cosine = IndexOptions::default();
    let products = cosine.clone().metric(Metric::DotProduct);
    let halves = products.clone().weight_type(WeightType::F16);
    let good = vec![1.0, 2.0, 3.0];
    for (options, bad, message) in [
        (
            &cosine,
            vec![1.0; 4],
            "1 has 4 dimensions, and the index has 3",
        ),
        (&cosine, vec![], "1 has 0 dimensions, and the index has 3"),
        (
            &cosine,
            vec![1.0, f32::NAN, 0.0],
            "1 holds NaN at element 1",
        ),
        (
            &products,
            vec![1.0, 0.0, f32::INFINITY],
            "1 holds inf at element 2",
        ),
        (
            &halves,
            vec![7e4, 0.0, 0.0],
            "1 holds 70000 at element 0, which does not fit into f16",
        ),
    ] {
        let mut index = Index::new(&gpu, 3, options).unwrap();
        let pair = [good.clone(), bad];
        let errors = [
            ("vector", index.add(&pair).unwrap_err()),
            ("query", index.search(&pair, 1).unwrap_err()),
        ];
        assert!(index.is_empty(), "all or nothing");
        for (what, error) in errors {
            let error = error.to_string();
            assert!(error.contains(&format!("{what} {message}")), "{error}");
        }
    }
    // Cosines of vectors that f16 does not hold are fine.
    let mut index = Index::new(&gpu, 3, &cosine.clone().weight_type(WeightType::F16)).unwrap();
    index
        .add(&[[7e4, 0.0, 0.0], [3e38, 3e38, 3e38], [1e-45, 0.0, 0.0]])
        .unwrap();
    let hits = index.search(&[[3e38, 0.0, 0.0]], 3).unwrap();
    let found: Vec<(usize, f32)> = hits[0].iter().map(|hit| (hit.index, hit.score)).collect();
    assert_eq!(found[..2], [(0, 1.0), (2, 1.0)]);
    assert!((found[2].1 - 3.0_f32.sqrt().recip()).abs() < 1e-3);

    let mut index = Index::new(&gpu, 3, &products).unwrap();
    index.add(&[[1e20, 1e20, -1e20]]).unwrap();
    let error = index.search(&[[1e19, 1e19, 1e19]], 1).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Vector {
                what: "query",
                index: 0,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("overflow"), "{error}");
    assert_eq!(index.search(&[[1e10, 0.0, 0.0]], 1).unwrap()[0][0].index, 0);
}

#[test]
fn limits_are_said() {
    let (gpu, _turn) = common::gpu();
    let [_, small, _] = devices(&gpu);
    let none = Index::new(&small, 0, &IndexOptions::default()).unwrap_err();
    assert!(matches!(none, Error::Shape { .. }), "{none}");
    for dimensions in [1 << 20, usize::MAX] {
        let error = Index::new(&small, dimensions, &IndexOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
    let mut index = Index::new(&small, 1, &IndexOptions::default()).unwrap();
    index.add(&vectors(1, 40_000, 1)).unwrap();
    assert_eq!(index.search(&[[1.0]], 32_768).unwrap()[0].len(), 32_768);
    let error = index.search(&[[1.0]], 32_769).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Limit {
                needed: 0x80000,
                allowed: 0x40000,
                ..
            }
        ),
        "{error}"
    );
}
