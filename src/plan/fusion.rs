//! Fewer dispatches for the same result: a node is absorbed by the one that makes its operand.

use crate::graph::{Graph, Node, TensorId};

/// The same graph with every node merged into its producer that the producer's operation can absorb.
///
/// Only a result that is read once and is not the graph's own disappears.
///
/// ```
/// use wgformer::{Graph, ops::Activation, plan::fuse, tensor::Dim};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// let weight = graph.parameter("weight", [4, 8]);
/// let y = graph.linear(x, weight, None)?;
/// graph.activation(y, Activation::Gelu)?;
/// assert_eq!((graph.nodes().len(), fuse(&graph).nodes().len()), (2, 1));
/// # Ok::<(), wgformer::Error>(())
/// ```
pub fn fuse(graph: &Graph) -> Graph {
    let uses = count_uses(graph);
    let mut nodes: Vec<Node> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let fused = (0..node.inputs.len()).find_map(|operand| {
            let read_once = uses[node.inputs[operand].index()] == 1;
            let producer = nodes
                .iter()
                .position(|producer| producer.output == node.inputs[operand])?;
            let fused = merge(&nodes[producer], node, operand).filter(|_| read_once)?;
            Some((producer, fused))
        });
        match fused {
            Some((producer, fused)) => {
                nodes.remove(producer);
                nodes.push(fused); // where the consumer stood: by then its other operands are there
            }
            None => nodes.push(node.clone()),
        }
    }
    graph.with_nodes(nodes)
}

fn merge(producer: &Node, consumer: &Node, operand: usize) -> Option<Node> {
    let operation = producer
        .operation
        .absorb(consumer.operation.as_ref(), operand)?;
    let mut inputs = producer.inputs.clone();
    inputs.extend(
        (0..consumer.inputs.len())
            .filter(|other| *other != operand)
            .map(|other| consumer.inputs[other]),
    );
    Some(Node {
        operation,
        inputs,
        output: consumer.output,
    })
}

/// How often each tensor is read, the graph's output counting as one more.
fn count_uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.tensors().len()];
    let reads = graph
        .nodes()
        .iter()
        .flat_map(|node| node.inputs.iter().copied())
        .chain(graph.output());
    reads.for_each(|tensor: TensorId| uses[tensor.index()] += 1);
    uses
}
