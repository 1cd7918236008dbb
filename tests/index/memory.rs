//! What an index takes, keeps to, shares, and brings to another device.

use std::future::Future;

use wgformer::Error;
use wgformer::index::{Index, IndexOptions, Metric};
use wgformer::tensor::WeightType;

use crate::{assert_nearest, common, devices, index, vectors};

/// What a refusal says is needed, in bytes of memory.
pub(crate) fn needed<T: std::fmt::Debug>(refused: Result<T, Error>) -> u64 {
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

/// Whatever it was asked before, and however few come at once: the last that fits is the last that is taken.
#[test]
fn vectors_that_come_one_by_one_are_taken_as_long_as_the_budget_has_room() {
    let (gpu, _turn) = common::gpu();
    let rows = vectors(23, 600, 70);
    for gpu in devices(&gpu) {
        let options = IndexOptions::default();
        let needs = |count, budget| {
            let options = options.clone().memory_budget(budget);
            Index::memory_needed(&gpu, 70, count, 1, &options)
        };
        let least = |count| needed(needs(count, 1));
        assert!((1..600).all(|count| least(count) <= least(count + 1)));
        let budget = least(400);
        let mut index = Index::new(&gpu, 70, &options.clone().memory_budget(budget)).unwrap();
        let refused = rows.iter().position(|row| index.add(&[row]).is_err());
        let most = refused.expect("there is room for few");
        assert!(most >= 400 && most == index.len());
        assert!(needs(most, budget).is_ok());
        assert!(needs(most + 1, budget).is_err());
        index.search(&rows[..2], 1).unwrap();
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
    fn is_send<T: Send>(_: T) {}
    let rows = vectors(22, 200, 8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = index(&gpu, &rows, &IndexOptions::default());
    is_shared(&index);
    is_send(index.search_async(&rows[..3], 4));
    is_send(index.recover_async(&gpu));
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
