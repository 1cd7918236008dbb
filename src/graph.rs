//! Operations over virtual tensors: plain data that can be built, printed and compared with no GPU.

mod operation;

use std::fmt;
use std::sync::Arc;

pub use operation::{Operation, Request};

use crate::error::{Error, Result};
use crate::tensor::{DType, Dim, Shape, Sizes};

/// A tensor of one [`Graph`].
///
/// ```
/// use wgformer::graph::{Graph, TensorId};
///
/// let mut graph = Graph::new();
/// let weight: TensorId = graph.parameter("weight", [4, 8]);
/// assert_eq!(graph.tensors()[weight.index()], *graph.tensor(weight));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(usize);

impl TensorId {
    /// Its place in [`Graph::tensors`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// What a graph knows of a tensor.
///
/// ```
/// let mut graph = wgformer::Graph::new();
/// let weight = graph.parameter("pooler.dense.weight", [4, 8]);
/// let info = graph.tensor(weight);
/// assert_eq!(format!("{} {} {}", info.name, info.dtype, info.shape), "pooler.dense.weight f32 [4, 8]");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TensorInfo {
    /// The caller's name of an input, the checkpoint's name of a parameter, or the operation's name and a number.
    pub name: String,
    /// Row-major, slowest axis first.
    pub shape: Shape,
    /// The type of its elements; a parameter may be stored in a smaller one.
    pub dtype: DType,
    /// Where its values come from.
    pub source: Source,
}

/// Where a tensor's values come from.
///
/// ```
/// use wgformer::graph::{Domain, Graph, Source};
/// use wgformer::tensor::Dim;
///
/// let mut graph = Graph::new();
/// let ids = graph.ids("ids", 30522);
/// let weight = graph.parameter("weight", [4, 8]);
/// assert_eq!(graph.tensor(ids).source, Source::Input(Domain::Below(30522)));
/// assert_eq!(graph.tensor(weight).source, Source::Parameter);
///
/// let qkv = graph.input("qkv", [Dim::Fixed(3), Dim::Fixed(2), Dim::Tokens, Dim::Fixed(8)]);
/// let (indices, table) = (graph.ids("positions", 24), graph.parameter("rotations", [24, 8]));
/// graph.rotary(qkv, indices, table)?;
/// let rotations = graph.nodes()[0].inputs[1];
/// assert_eq!(graph.tensor(rotations).source, Source::Rows { table, indices });
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// From the caller, with every run.
    Input(Domain),
    /// From the model's weights, once.
    Parameter,
    /// From a parameter that stays on the host: each run brings a row of it for every token.
    Rows {
        /// The parameter, a matrix.
        table: TensorId,
        /// The input that says which row.
        indices: TensorId,
    },
    /// From the graph's node at this place.
    Node(usize),
}

/// Which values an input may have; the plan checks it on the host before every run, so that kernels need no checks.
///
/// See [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// Any value.
    Any,
    /// Integers below this.
    Below(usize),
    /// Segment offsets: ascending from 0 to the number of tokens.
    Segments,
}

/// An operation applied to tensors.
///
/// ```
/// use wgformer::{Graph, ops::Activation, tensor::Dim};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// let y = graph.activation(x, Activation::Gelu)?;
/// let node = &graph.nodes()[0];
/// assert_eq!((node.operation.name(), &node.inputs[..], node.output), ("activation", &[x][..], y));
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// What is computed.
    pub operation: Arc<dyn Operation>,
    /// Its operands.
    pub inputs: Vec<TensorId>,
    /// Its result.
    pub output: TensorId,
}

impl PartialEq for Node {
    /// Operations are equal if they print the same: they hold nothing but their attributes.
    fn eq(&self, other: &Self) -> bool {
        self.inputs == other.inputs
            && self.output == other.output
            && format!("{:?}", self.operation) == format!("{:?}", other.operation)
    }
}

/// Nodes in an order in which each reads only what came before.
///
/// A method for each operation adds a node: [`Graph::linear`], [`Graph::attention`] and the others below.
///
/// ```
/// use wgformer::{Graph, ops::Activation, tensor::Dim};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// let weight = graph.parameter("weight", [4, 8]);
/// let y = graph.linear(x, weight, None)?;
/// let y = graph.activation(y, Activation::Gelu)?;
/// graph.set_output(y);
/// println!("{graph}");
/// assert_eq!(graph.tensor(y).shape.to_string(), "[tokens, 4]");
/// assert_eq!((graph.inputs(), graph.output()), (&[x][..], Some(y)));
/// assert_eq!(graph.nodes().len(), 2);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    tensors: Vec<TensorInfo>,
    nodes: Vec<Node>,
    inputs: Vec<TensorId>,
    output: Option<TensorId>,
}

impl Graph {
    /// A graph of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An input of floats.
    pub fn input(&mut self, name: &str, shape: impl Into<Shape>) -> TensorId {
        self.add_input(name, shape.into(), DType::F32, Domain::Any)
    }

    /// An input of integers below `bound`, such as ids: `[tokens]`.
    pub fn ids(&mut self, name: &str, bound: usize) -> TensorId {
        self.add_input(name, [Dim::Tokens].into(), DType::U32, Domain::Below(bound))
    }

    /// The input that says where each sequence starts and the last one ends: `[sequences + 1]`.
    pub fn segment_offsets(&mut self) -> TensorId {
        self.add_input(
            "segment_offsets",
            [Dim::Boundaries].into(),
            DType::U32,
            Domain::Segments,
        )
    }

    fn add_input(&mut self, name: &str, shape: Shape, dtype: DType, domain: Domain) -> TensorId {
        let id = self.add_tensor(TensorInfo {
            name: name.to_owned(),
            shape,
            dtype,
            source: Source::Input(domain),
        });
        self.inputs.push(id);
        id
    }

    /// A weight, by its name in the checkpoint.
    pub fn parameter<const N: usize>(&mut self, name: &str, shape: [usize; N]) -> TensorId {
        let (name, shape) = (name.to_owned(), shape.into());
        self.add_tensor(TensorInfo {
            name,
            shape,
            dtype: DType::F32,
            source: Source::Parameter,
        })
    }

    /// A row of `table`, a matrix of parameters, for each of `indices`: `[tokens, columns]`; the same tensor each time.
    pub(crate) fn table_rows(&mut self, table: TensorId, indices: TensorId) -> TensorId {
        let source = Source::Rows { table, indices };
        if let Some(place) = self.tensors.iter().position(|it| it.source == source) {
            return TensorId(place);
        }
        let of = self.tensor(table);
        let columns = of.shape.dims().last().copied();
        self.add_tensor(TensorInfo {
            name: format!("rows of {}", of.name),
            shape: [Dim::Tokens, columns.unwrap_or(Dim::Fixed(1))].into(),
            dtype: DType::F32,
            source,
        })
    }

    /// The tensors that are [`Source::Rows`].
    pub(crate) fn brought_rows(&self) -> impl Iterator<Item = TensorId> + '_ {
        let ids = (0..self.tensors.len()).map(TensorId);
        ids.filter(|id| matches!(self.tensor(*id).source, Source::Rows { .. }))
    }

    /// The result of `operation`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the operands do not fit the operation, or are not of this graph.
    pub(crate) fn apply(
        &mut self,
        operation: Arc<dyn Operation>,
        inputs: &[TensorId],
    ) -> Result<TensorId> {
        let shape = operation.infer(&self.operands(operation.name(), inputs)?)?;
        let name = format!("{}.{}", operation.name(), self.nodes.len());
        let source = Source::Node(self.nodes.len());
        let output = self.add_tensor(TensorInfo {
            name,
            shape,
            dtype: DType::F32,
            source,
        });
        self.nodes.push(Node {
            operation,
            inputs: inputs.to_vec(),
            output,
        });
        Ok(output)
    }

    /// What is known of the operands of an operation.
    ///
    /// # Errors
    /// [`Error::Shape`] if one is not of this graph, or too large for any.
    pub(crate) fn operands(
        &self,
        operation: &'static str,
        inputs: &[TensorId],
    ) -> Result<Vec<&TensorInfo>> {
        let operands = inputs.iter().map(|id| self.tensors.get(id.0));
        let operands: Option<Vec<&TensorInfo>> = operands.collect();
        let operands = operands.ok_or_else(|| Error::Shape {
            operation,
            message: "an operand is not of this graph".to_owned(),
        })?;
        for operand in &operands {
            check_size(operation, operand)?;
        }
        Ok(operands)
    }

    fn add_tensor(&mut self, info: TensorInfo) -> TensorId {
        self.tensors.push(info);
        TensorId(self.tensors.len() - 1)
    }

    /// Makes `tensor` the graph's result.
    ///
    /// # Panics
    /// If it is not the result of one of the graph's nodes.
    pub fn set_output(&mut self, tensor: TensorId) {
        assert!(
            matches!(
                self.tensors.get(tensor.0),
                Some(TensorInfo {
                    source: Source::Node(_),
                    ..
                })
            ),
            "a graph's output is the result of one of its nodes"
        );
        self.output = Some(tensor);
    }

    /// The work of one of its nodes in a run of `sizes`, as [`Operation::work`] counts it.
    pub(crate) fn work(&self, node: &Node, sizes: &Sizes) -> f64 {
        let (operands, result) = self.axes(node, sizes);
        node.operation.work(&operands, &result, sizes)
    }

    /// The arithmetic of one of its nodes in a run of `sizes`, as [`Operation::flops`] counts it.
    pub(crate) fn flops(&self, node: &Node, sizes: &Sizes) -> Option<f64> {
        let (operands, result) = self.axes(node, sizes);
        node.operation.flops(&operands, &result, sizes)
    }

    /// Of a node's operands, and of its result.
    fn axes(&self, node: &Node, sizes: &Sizes) -> (Vec<Vec<usize>>, Vec<usize>) {
        let axes = |tensor: &TensorId| self.tensor(*tensor).shape.resolve(sizes);
        let operands = node.inputs.iter().map(axes).collect();
        (operands, axes(&node.output))
    }

    /// Every tensor; a [`TensorId`] is a place in this list.
    ///
    /// See [`TensorId`] for an example.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// What is known of `tensor`.
    #[must_use]
    pub fn tensor(&self, tensor: TensorId) -> &TensorInfo {
        &self.tensors[tensor.0]
    }

    /// The nodes, each after those whose results it reads.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The inputs, in the order in which a run is given them.
    #[must_use]
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The result: what [`Graph::set_output`] said, else the last node's.
    #[must_use]
    pub fn output(&self) -> Option<TensorId> {
        self.output
            .or_else(|| self.nodes.last().map(|node| node.output))
    }

    /// One node, whose operands that are no parameters are inputs.
    #[cfg(not(target_arch = "wasm32"))] // as `verify::tune`
    pub(crate) fn alone(&self, node: &Node) -> Self {
        let mut graph = Self {
            tensors: self.tensors.clone(),
            nodes: vec![node.clone()],
            inputs: vec![],
            output: Some(node.output),
        };
        for id in &node.inputs {
            let tensor = &mut graph.tensors[id.0];
            if let Source::Node(_) | Source::Rows { .. } = tensor.source {
                tensor.source = Source::Input(Domain::Any);
            }
            let is_input = matches!(tensor.source, Source::Input(_));
            if is_input && !graph.inputs.contains(id) {
                graph.inputs.push(*id);
            }
        }
        graph.tensors[node.output.0].source = Source::Node(0);
        graph
    }

    /// The same tensors with other nodes; a node's output keeps its id.
    pub(crate) fn with_nodes(&self, nodes: Vec<Node>) -> Self {
        let mut graph = Self {
            nodes,
            output: self.output(),
            ..self.clone()
        };
        for (index, node) in graph.nodes.iter().enumerate() {
            graph.tensors[node.output.0].source = Source::Node(index);
        }
        graph
    }
}

/// What does not depend on the run must be countable by 32 bits, so that no shape inferred from it overflows.
fn check_size(operation: &'static str, operand: &TensorInfo) -> Result<()> {
    let one_of_each = Sizes {
        tokens: 1,
        sequences: 1,
        longest: 1,
    };
    match operand.shape.checked_elements(&one_of_each) {
        Some(_) => Ok(()),
        None => Err(Error::Shape {
            operation,
            message: format!(
                "{} {} has 2^32 elements or more",
                operand.name, operand.shape
            ),
        }),
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "graph: {} inputs, {} nodes",
            self.inputs.len(),
            self.nodes.len()
        )?;
        for id in &self.inputs {
            let input = self.tensor(*id);
            writeln!(f, "  input {}: {} {}", input.name, input.dtype, input.shape)?;
        }
        for node in &self.nodes {
            let names: Vec<&str> = node
                .inputs
                .iter()
                .map(|id| self.tensor(*id).name.as_str())
                .collect();
            let output = self.tensor(node.output);
            writeln!(
                f,
                "  {} = {:?}({}): {}",
                output.name,
                node.operation,
                names.join(", "),
                output.shape
            )?;
        }
        Ok(())
    }
}
