//! A model on the reference functions, without a GPU.

use std::path::Path;

use wgformer::models::{Batch, Checkpoint, Head, Model};
use wgformer::plan::interpret;

pub(crate) fn run(directory: &Path, head: Head, batch: &Batch) -> Vec<f32> {
    let graph = Model::graph(directory, head).unwrap();
    let weights = Checkpoint::open(directory).unwrap();
    let values = batch.values(&graph).unwrap();
    let tensors = interpret(&graph, &weights, &batch.sizes(), &values).unwrap();
    tensors[&graph.output().unwrap()].f32().to_vec()
}
