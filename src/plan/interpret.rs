//! The CPU twin of a run: the same graph, node by node, on the reference functions.

use std::collections::HashMap;

use super::inputs::{self, Value};
use super::rows::Rows;
use super::weights::{Weights, read};
use crate::error::Result;
use crate::graph::{Graph, TensorId};
use crate::tensor::{Sizes, Tensor};

/// The graph's output, and every tensor on the way, computed by `reference/`.
///
/// `values`: the graph's inputs, in order; `sizes`: the counts they are of.
///
/// ```
/// use std::collections::HashMap;
/// use wgformer::plan::{Value, interpret};
/// use wgformer::tensor::{Dim, Sizes, Tensor};
///
/// let mut graph = wgformer::Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
/// let y = graph.softmax(x)?;
/// let (weights, sizes) = (HashMap::<String, Tensor>::new(), Sizes::from_segments(&[0, 1]));
/// let tensors = interpret(&graph, &weights, &sizes, &[Value::F32(&[7.0, 7.0])])?;
/// assert_eq!(tensors[&y].f32(), [0.5, 0.5]);
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// [`crate::Error::Input`] if the inputs do not fit the graph; what `weights` says of a missing or misshapen tensor.
pub fn interpret(
    graph: &Graph,
    weights: &dyn Weights,
    sizes: &Sizes,
    values: &[Value<'_>],
) -> Result<HashMap<TensorId, Tensor>> {
    inputs::check(graph, sizes, None, values)?;
    let mut tensors = HashMap::new();
    for (id, value) in graph.inputs().iter().zip(values) {
        tensors.insert(
            *id,
            Tensor::new(graph.tensor(*id).shape.resolve(sizes), value.to_data()),
        );
    }
    for node in graph.nodes() {
        for input in &node.inputs {
            if tensors.contains_key(input) {
                continue;
            }
            let info = graph.tensor(*input);
            let shape = info.shape.resolve(sizes);
            let values = match Rows::of(graph, *input, weights)? {
                Some(rows) => rows.gather(values),
                None => read(&info.name, &shape, weights)?.into_owned(),
            };
            tensors.insert(*input, Tensor::new(shape, values));
        }
        let operands: Vec<&Tensor> = node.inputs.iter().map(|input| &tensors[input]).collect();
        let result = node.operation.reference(&operands);
        tensors.insert(node.output, result);
    }
    Ok(tensors)
}
