//! An index in a file, whole, damaged, or not what is asked for.

use std::fs;
use std::path::Path;

use wgformer::index::{Index, IndexOptions, Metric};
use wgformer::tensor::WeightType;
use wgformer::{Error, Gpu};

use crate::memory::needed;
use crate::{common, vectors};

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
