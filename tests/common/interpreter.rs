//! A model on the reference functions, without a GPU.

use std::path::Path;

use wgformer::models::{Batch, Head, Network};
use wgformer::plan::interpret;

pub(crate) fn run(directory: &Path, head: Head, batch: &Batch) -> Vec<f32> {
    let network = Network::open(directory, head).unwrap();
    let batch = network.encoder.adapt(batch);
    let (graph, weights) = (&network.graph, &*network.weights);
    let values = batch.values(graph).unwrap();
    let tensors = interpret(graph, weights, &batch.sizes(), &values).unwrap();
    tensors[&graph.output().unwrap()].f32().to_vec()
}
