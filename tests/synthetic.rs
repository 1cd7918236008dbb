//! A network without a checkpoint is built as one with it, and its weights are the same however they are asked for.

use std::fs;
use std::path::Path;

use wgformer::graph::Source;
use wgformer::models::{Config, Head, Network};
use wgformer::plan::interpret;
use wgformer::{Error, models::Batch};

/// Families whose layers have matrices of their own.
const FOLDERS: [&str; 7] = [
    "plain",
    "roberta",
    "distilbert",
    "electra",
    "mpnet",
    "deberta-v3",
    "albert",
];

fn config(folder: &str) -> Config {
    let path = Path::new("tests/data/tiny")
        .join(folder)
        .join("config.json");
    Config::from_json(&fs::read_to_string(path).unwrap()).unwrap()
}

fn synthetic(folder: &str, seed: u64) -> Network {
    Network::synthetic(&config(folder), Head::HiddenStates, seed).unwrap()
}

#[test]
fn the_graph_is_that_of_the_checkpoint() {
    for folder in FOLDERS {
        let path = Path::new("tests/data/tiny").join(folder);
        let real = Network::open(&path, Head::HiddenStates).unwrap();
        let network = synthetic(folder, 3);
        // But for prefixes that a checkpoint may have.
        let plain = |network: &Network| {
            let nodes = network.graph.nodes().iter();
            let shape = |tensor| network.graph.tensor(tensor).shape.to_string();
            nodes
                .map(|node| (node.operation.name(), shape(node.output)))
                .collect::<Vec<_>>()
        };
        assert_eq!(plain(&network), plain(&real), "{folder}");
    }
}

#[test]
fn weights_are_of_their_seed_and_the_same_by_rows() {
    let [network, same, other] = [3, 3, 4].map(|seed| synthetic("plain", seed));
    let parameters = network.graph.tensors().iter();
    let parameters: Vec<_> = parameters
        .filter(|tensor| tensor.source == Source::Parameter)
        .collect();
    assert!(parameters.len() > 10);
    for tensor in parameters {
        let name = &tensor.name[..];
        let values = network.weights.values(name).unwrap();
        assert_eq!(same.weights.values(name).unwrap(), values, "{name}");
        assert_ne!(other.weights.values(name).unwrap(), values, "{name}");
        let shape = network.weights.shape(name).unwrap();
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
        if let [rows, columns] = shape[..] {
            let last = (rows - 1) * columns..rows * columns;
            let by_row = network.weights.rows(name, &[rows as u32 - 1, 0]).unwrap();
            assert_eq!(by_row[..columns], values[last], "{name}");
            assert_eq!(by_row[columns..], values[..columns], "{name}");
        }
    }
}

#[test]
fn results_are_numbers_that_differ_by_token() {
    let network = synthetic("plain", 3);
    let mut batch = Batch::new();
    batch.push(&[2, 7, 3], &[0, 0, 0]);
    let values = batch.values(&network.graph).unwrap();
    let tensors = interpret(&network.graph, &*network.weights, &batch.sizes(), &values).unwrap();
    let output = &tensors[&network.graph.output().unwrap()];
    let rows: Vec<&[f32]> = output.f32().chunks(network.encoder.hidden).collect();
    assert!(
        rows.iter()
            .all(|row| row.iter().all(|x| x.is_finite() && x.abs() < 10.0))
    );
    assert!(rows[0] != rows[1] && rows[1] != rows[2]);
}

#[test]
fn what_cannot_be_made_is_an_error() {
    let missing = Network::synthetic(&config("modernbert"), Head::HiddenStates, 3);
    assert!(
        matches!(missing, Err(Error::TensorMissing { .. })),
        "{missing:?}"
    );
    let error = Config::from_json("[1]").unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}
