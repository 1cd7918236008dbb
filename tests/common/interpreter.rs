//! A model on the reference functions, without a GPU.

use std::path::Path;

use wgformer::models::{Checkpoint, Head, Model};
use wgformer::plan::{Value, interpret};
use wgformer::tensor::Sizes;

/// The result for sequences that are packed one after another.
///
/// `ids`, `types`: `[tokens]`; `segment_offsets`: `[sequences + 1]`.
pub(crate) fn run(
    directory: &Path,
    head: Head,
    ids: &[u32],
    types: &[u32],
    segment_offsets: &[u32],
) -> Vec<f32> {
    let graph = Model::graph(directory, head).unwrap();
    let checkpoint = Checkpoint::open(directory).unwrap();
    let segments = segment_offsets.windows(2);
    let positions: Vec<u32> = segments.flat_map(|pair| 0..pair[1] - pair[0]).collect();
    let value = |name: &str| match name {
        "ids" => Value::U32(ids),
        "positions" => Value::U32(&positions),
        "types" => Value::U32(types),
        "segment_offsets" => Value::U32(segment_offsets),
        other => panic!("no value for {other}"),
    };
    let inputs = graph.inputs().iter();
    let values: Vec<Value<'_>> = inputs
        .map(|input| value(&graph.tensor(*input).name))
        .collect();
    let sizes = Sizes::from_segments(segment_offsets);
    let tensors = interpret(&graph, &checkpoint, &sizes, &values).unwrap();
    tensors[&graph.output().unwrap()].f32().to_vec()
}
