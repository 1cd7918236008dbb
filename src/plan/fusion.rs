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
        let mut node = node.clone();
        while let Some((producer, fused)) = absorbed(&node, &nodes, &uses) {
            nodes.remove(producer);
            node = fused; // where the consumer stood: by then its other operands are there
        }
        nodes.push(node);
    }
    graph.with_nodes(nodes)
}

/// Which of the nodes before it absorbs this one, and what both are together.
fn absorbed(node: &Node, before: &[Node], uses: &[usize]) -> Option<(usize, Node)> {
    node.inputs.iter().find_map(|operand| {
        let producer = before.iter().position(|it| it.output == *operand)?;
        let fused = merge(&before[producer], node).filter(|_| uses[operand.index()] == 1)?;
        Some((producer, fused))
    })
}

fn merge(producer: &Node, consumer: &Node) -> Option<Node> {
    let operation = producer.operation.absorb(producer, consumer)?;
    let others = consumer.inputs.iter().copied();
    let mut inputs = producer.inputs.clone();
    inputs.extend(others.filter(|other| *other != producer.output));
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
