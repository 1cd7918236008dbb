//! An index against brute force in f64, on several kinds of devices, and what it says to files and vectors that are wrong.

mod common;

use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use wgformer::index::{Hit, Index, IndexOptions, Metric};
use wgformer::plan::Control;
use wgformer::tasks::cosine;
use wgformer::tensor::WeightType;
use wgformer::verify::{Random, Tolerance};
use wgformer::{Error, Gpu};

/// The adapter's own, one with buffers so small that an index has many slices, and one on buffers alone.
fn devices(gpu: &Gpu) -> [Gpu; 3] {
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

fn vectors(seed: u64, count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|_| (0..dimensions).map(|_| random.unit()).collect())
        .collect()
}

fn score(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    match metric {
        Metric::Cosine => cosine(a, b),
        _ => {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum::<f64>() as f32
        }
    }
}

/// Every hit's score is the reference's, they stand in order, and nothing that was left out is better than the last.
fn assert_nearest(hits: &[Hit], query: &[f32], rows: &[Vec<f32>], k: usize, metric: Metric) {
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

/// An index of 5 vectors in a file.
fn saved(gpu: &Gpu, metric: Metric, path: &Path) -> Index {
    let mut index = Index::new(gpu, 3, &IndexOptions::default().metric(metric)).unwrap();
    index.add(&vectors(10, 5, 3)).unwrap();
    index.save(path).unwrap();
    index
}

#[test]
fn a_file_brings_the_index_back() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sentences.index");
    fs::write(&path, "what is replaced").unwrap();
    let queries = vectors(11, 3, 3);
    for metric in [Metric::Cosine, Metric::DotProduct] {
        let index = saved(&gpu, metric, &path);
        let loaded = Index::load(&gpu, &path, &IndexOptions::default()).unwrap();
        assert_eq!(
            (loaded.len(), loaded.dimensions(), loaded.metric()),
            (5, 3, metric)
        );
        assert_eq!(
            loaded.search(&queries, 5).unwrap(),
            index.search(&queries, 5).unwrap()
        );
        let again = folder.path().join("again");
        loaded.save(&again).unwrap();
        assert_eq!(fs::read(&again).unwrap(), fs::read(&path).unwrap());
        let halves = Index::load(
            &gpu,
            &path,
            &IndexOptions::default().weight_type(WeightType::F16),
        )
        .unwrap();
        assert_eq!(halves.weight_type(), WeightType::F16);
    }
    // Other programs read it.
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("vectors").unwrap().shape(), [5, 3]);

    let empty = Index::new(&gpu, 7, &IndexOptions::default()).unwrap();
    empty.save(&path).unwrap();
    let loaded = Index::load(&gpu, &path, &IndexOptions::default()).unwrap();
    assert_eq!((loaded.len(), loaded.dimensions()), (0, 7));

    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for path in [
        folder.path().join("no/such/folder"),
        folder.path().to_owned(),
        "/".into(),
        "".into(),
    ] {
        let error = empty.save(&path).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error}");
        let error = Index::load(&gpu, &path, &IndexOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing is left behind"
    );
}

#[test]
fn a_damaged_file_is_an_error() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    saved(&gpu, Metric::Cosine, &path);
    let whole = fs::read(&path).unwrap();
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Index::load(&gpu, &path, &IndexOptions::default())
    };
    load(&whole).unwrap();
    for length in 0..whole.len() {
        let error = load(&whole[..length]).unwrap_err();
        assert!(
            matches!(error, Error::Malformed { .. }),
            "{length}: {error}"
        );
    }
    // A byte of the header may be a space, and the last bit of a number says nothing: no panic, and nothing but
    // vectors of length 1.
    for place in 0..whole.len() {
        for bit in [0, 3, 7] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            match load(&bytes) {
                Ok(index) => assert!(index.len() * index.dimensions() == 15, "{place}"),
                Err(Error::Malformed { .. } | Error::Vector { .. }) => {}
                Err(error) => panic!("{place}: {error}"),
            }
        }
    }

    let header_of = |file: &[u8]| {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        (
            String::from_utf8(file[8..8 + length].to_vec()).unwrap(),
            file[8 + length..].to_vec(),
        )
    };
    let (header, data) = header_of(&whole);
    for (from, to, words) in [
        ("[5,3]", "[3,5]", "not 1"),
        ("[5,3]", "[15]", "[len, dimensions] is needed"),
        ("[5,3]", "[15,0]", "header"),
        ("[5,3]", "[5,6]", "header"),
        (
            "[5,3]",
            "[4611686018427387904,4611686018427387904]",
            "header",
        ),
        ("[0,60]", "[0,64]", "header"),
        ("F32", "U32", "U32"),
        ("\"vectors\"", "\"rows\"", "no tensor \"vectors\""),
        ("wgformer index 1", "wgformer index 2", "format"),
        ("cosine", "euclidean", "metric"),
    ] {
        assert!(header.contains(from), "{header}");
        let header = header.replacen(from, to, 1);
        let bytes = [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            &data,
        ]
        .concat();
        let error = load(&bytes).unwrap_err();
        let is_malformed = matches!(error, Error::Malformed { .. });
        assert!(
            is_malformed && error.to_string().contains(words),
            "{from} -> {to}: {error}"
        );
    }
    let endless = header
        .replacen("[5,3]", "[0,9223372036854775807]", 1)
        .replacen("[0,60]", "[0,0]", 1);
    let length = (endless.len() as u64).to_le_bytes();
    let error = load(&[&length[..], endless.as_bytes()].concat()).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");

    let mut bytes = whole.clone();
    let start = whole.len() - data.len();
    bytes[start + 16..start + 20].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = load(&bytes).unwrap_err().to_string();
    assert!(
        error.starts_with("vector 1 holds NaN at element 1"),
        "{error}"
    );
}

fn index(gpu: &Gpu, rows: &[Vec<f32>], options: &IndexOptions) -> Index {
    let mut index = Index::new(gpu, rows[0].len(), options).unwrap();
    index.add(rows).unwrap();
    index
}

/// What a refusal says is needed, in bytes of memory.
fn needed<T: std::fmt::Debug>(refused: Result<T, Error>) -> u64 {
    match refused {
        Err(Error::Limit {
            needed,
            unit: "bytes of memory",
            ..
        }) => needed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_an_index_takes_is_known_before() {
    let (gpu, _turn) = common::gpu();
    let (rows, queries) = (vectors(12, 3000, 70), vectors(13, 300, 70));
    for gpu in devices(&gpu) {
        for weight_type in WeightType::ALL {
            let options = IndexOptions::default().weight_type(weight_type);
            for k in [1, 20, 5000] {
                let said = Index::memory_needed(&gpu, 70, 3000, k, &options).unwrap();
                let index = index(&gpu, &rows, &options);
                assert_eq!(index.memory().total(), 0);
                index.search(&queries, k).unwrap();
                assert_eq!(index.memory(), said, "{weight_type}, {k}");
                let least = 3000 * 70 * u64::from(weight_type.bits()) / 8;
                assert!((least..2 * least).contains(&said.weights), "{said:?}");
            }
        }
    }
    let none = Index::memory_needed(&gpu, 70, 0, 1, &IndexOptions::default()).unwrap();
    assert_eq!(none.total(), 0);
}

/// The least budget is what a refusal says, and finds the same; one byte less is refused.
#[test]
fn a_budget_is_kept_and_what_does_not_fit_is_refused() {
    let (gpu, _turn) = common::gpu();
    let (rows, queries) = (vectors(14, 3000, 70), vectors(15, 300, 70));
    let options = IndexOptions::default();
    for gpu in devices(&gpu) {
        let unbounded = index(&gpu, &rows, &options);
        let expected = [1, 20, 100].map(|k| unbounded.search(&queries, k).unwrap());
        let refused = Index::memory_needed(&gpu, 70, 3000, 100, &options.clone().memory_budget(1));
        let least = needed(refused);
        let budget = |bytes| index(&gpu, &rows, &options.clone().memory_budget(bytes));
        let narrow = budget(least - 1);
        assert_eq!(narrow.search(&queries, 20).unwrap(), expected[1]);
        assert_eq!(needed(narrow.search(&queries, 100)), least);
        assert_eq!(
            narrow.search(&queries, 1).unwrap(),
            expected[0],
            "and goes on"
        );
        let whole = Index::memory_needed(&gpu, 70, 3000, 100, &options).unwrap();
        for bytes in [least, least + whole.per_run() / 3, whole.total(), u64::MAX] {
            let index = budget(bytes);
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let (index, queries, expected) = (&index, &queries, &expected);
                    scope.spawn(move || {
                        for round in 0..4 {
                            let place = (thread + round) % 3;
                            let k = [1, 20, 100][place];
                            let part = 40 * round..40 * (round + 1);
                            let found = index.search(&queries[part.clone()], k).unwrap();
                            assert!(found == expected[place][part]);
                            let total = index.memory().total();
                            assert!(total <= bytes, "{total} of {bytes} bytes");
                        }
                    });
                }
            });
        }
        let mut full = narrow;
        let more = vectors(16, 3000, 70);
        assert!(needed(full.add(&more)) > least);
        assert_eq!(full.len(), 3000, "all or nothing");
        assert_eq!(full.search(&queries, 20).unwrap(), expected[1]);
    }
}

/// Vectors that the last slice grew by do not stay there twice.
#[test]
fn an_index_that_grows_within_a_budget_keeps_it() {
    let (gpu, _turn) = common::gpu();
    let (rows, queries) = (vectors(17, 6000, 96), vectors(18, 40, 96));
    for gpu in devices(&gpu) {
        let options = IndexOptions::default();
        let refused = Index::memory_needed(&gpu, 96, 6000, 100, &options.clone().memory_budget(1));
        let least = needed(refused);
        let before = common::allocated(&gpu);
        let mut index = Index::new(&gpu, 96, &options.memory_budget(least)).unwrap();
        for part in rows.chunks(999) {
            index.add(part).unwrap();
            for k in [100, 5] {
                index.search(&queries, k).unwrap();
                let total = index.memory().total();
                assert!(total <= least, "{total} of {least} bytes");
                if let [Some(before), Some(now)] = [before, common::allocated(&gpu)] {
                    // The driver aligns each buffer, and what pipelines were warmed up with is small.
                    let slack = 512 << 10;
                    let taken = now - before;
                    assert!(taken <= total + slack, "{taken} bytes, said to be {total}");
                }
            }
        }
        for (hits, query) in index.search(&queries, 100).unwrap().iter().zip(&queries) {
            assert_nearest(hits, query, &rows, 100, Metric::Cosine);
        }
    }
}

/// Whatever was added since it was loaded or saved, and on a device with other limits too.
#[test]
fn an_index_comes_back_whole_on_another_device() {
    let (gpu, _turn) = common::gpu();
    let (rows, queries) = (vectors(19, 4000, 33), vectors(20, 5, 33));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    index(&gpu, &rows[..2000], &IndexOptions::default())
        .save(&path)
        .unwrap();
    for other in devices(&gpu) {
        let capabilities = other.capabilities();
        let lost = common::device(&gpu, capabilities.features, capabilities.limits.clone());
        let mut index = Index::load(&lost, &path, &IndexOptions::default()).unwrap();
        let before = index.search(&queries, 10).unwrap();
        index.add(&rows[2000..]).unwrap();
        lost.device().destroy();
        let error = index.search(&queries, 10).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
        for other in [&other, &gpu] {
            let mut recovered = index.recover(other).unwrap();
            assert_eq!(recovered.len(), 4000);
            assert!(recovered.memory().weights > 0, "it is there already");
            let found = recovered.search(&queries, 10).unwrap();
            assert_ne!(found, before);
            for (hits, query) in found.iter().zip(&queries) {
                assert_nearest(hits, query, &rows, 10, Metric::Cosine);
            }
            recovered.add(&[&rows[7]]).unwrap();
            let nearest = recovered.search(&rows[7..8], 2).unwrap();
            assert_eq!([nearest[0][0].index, nearest[0][1].index], [7, 4000]);
        }
        let again = folder.path().join("again");
        index.save(&again).unwrap();
        assert_eq!(
            Index::load(&gpu, &again, &IndexOptions::default())
                .unwrap()
                .len(),
            4000
        );
    }
}

#[test]
fn clones_share_until_one_of_them_grows() {
    let (gpu, _turn) = common::gpu();
    let rows = vectors(21, 900, 8);
    let query = &rows[..1];
    let first = index(&gpu, &rows, &IndexOptions::default());
    let mut second = first.clone();
    first.upload().unwrap();
    assert_eq!(second.memory(), first.memory(), "on the device too");
    let mut third = second.clone();
    // As many, but others: both nearer to the query than any.
    let double = |x: &f32| 2.0 * x;
    second
        .add(&[query[0].iter().map(double).collect::<Vec<_>>()])
        .unwrap();
    third.add(&[vec![-1.0; 8]]).unwrap();
    let found = |index: &Index| -> Vec<usize> {
        let hits = index.search(query, 2).unwrap();
        hits[0].iter().map(|hit| hit.index).collect()
    };
    assert_eq!(found(&second), [0, 900]);
    assert_eq!(found(&third)[0], 0);
    assert_ne!(found(&third)[1], 900);
    assert_eq!(found(&first), found(&third));
    assert_eq!([first.len(), second.len(), third.len()], [900, 901, 901]);
}

#[test]
fn what_blocks_has_an_async_form() {
    let (gpu, _turn) = common::gpu();
    fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    let rows = vectors(22, 200, 8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = index(&gpu, &rows, &IndexOptions::default());
    is_shared(&index);
    let expected = index.search(&rows[..3], 4).unwrap();
    pollster::block_on(async {
        index.save_async(&path).await.unwrap();
        let options = IndexOptions::default();
        let loaded = Index::load_async(&gpu, &path, &options).await.unwrap();
        loaded.upload_async().await.unwrap();
        assert_eq!(loaded.memory().weights, index.memory().weights);
        let recovered = loaded.recover_async(&gpu).await.unwrap();
        for index in [loaded, recovered] {
            assert_eq!(index.search_async(&rows[..3], 4).await.unwrap(), expected);
        }
    });
    // Vectors are brought to the device by somebody else than the thread that asks.
    let fresh = Index::load(&gpu, &path, &IndexOptions::default()).unwrap();
    let mut search = std::pin::pin!(fresh.search_async(&rows[..3], 4));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(search.as_mut().poll(&mut context).is_pending());
    fresh.upload().unwrap(); // waits for it
    assert_eq!(fresh.memory().runs, 0, "nobody has polled it since");
    assert_eq!(pollster::block_on(search).unwrap(), expected);
}

#[test]
fn a_file_is_loaded_as_the_options_say_or_not_at_all() {
    let (gpu, _turn) = common::gpu();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    saved(&gpu, Metric::DotProduct, &path);
    let load = |options| Index::load(&gpu, &path, &options);
    let products = IndexOptions::default().metric(Metric::DotProduct);
    assert_eq!(load(products).unwrap().metric(), Metric::DotProduct);
    let error = load(IndexOptions::default().metric(Metric::Cosine)).unwrap_err();
    assert!(
        matches!(error, Error::Unsupported { what: "metric", .. }),
        "{error}"
    );
    needed(load(IndexOptions::default().memory_budget(16)));
}
