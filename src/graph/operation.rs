use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Graph, Node, TensorInfo};
use crate::error::Result;
use crate::gpu::Capabilities;
use crate::kernel::Offer;
use crate::tensor::{Dim, Shape, Sizes, Tensor, WeightType};

/// What a node computes. Every operation is one type, in one file of `ops/`, that holds its attributes.
///
/// A graph takes this crate's own operations only: their kernels run without the driver's checks, which is sound
/// because of the checks that stand beside them.
///
/// ```
/// use std::sync::Arc;
/// use wgformer::graph::{Graph, Operation};
/// use wgformer::ops::Activation;
/// use wgformer::tensor::{Dim, Sizes, Tensor};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
/// let weight = graph.parameter("weight", [1, 2]);
/// let y = graph.linear(x, weight, None)?;
/// graph.activation(y, Activation::Gelu)?;
///
/// let [linear, gelu] = graph.nodes() else { panic!("two operations") };
/// let fused: Arc<dyn Operation> = linear.operation.absorb(linear, gelu).expect("a linear layer with a gelu is one node");
/// let operands = [graph.tensor(x), graph.tensor(weight)];
/// assert_eq!(fused.infer(&operands)?, graph.tensor(y).shape);
///
/// let values = [Tensor::new([1, 2], vec![8.0, 2.0]), Tensor::new([1, 2], vec![1.0, 1.0])];
/// assert_eq!(fused.reference(&values.each_ref()).f32(), [10.0]);
///
/// let sizes = Sizes::from_segments(&[0, 1]);
/// let work = fused.work(&[vec![1, 2], vec![1, 2]], &[1, 1], &sizes);
/// println!("{}: {work} multiplications and additions", fused.name());
/// assert_eq!(fused.flops(&[vec![1, 2], vec![1, 2]], &[1, 1], &sizes), Some(4.0));
/// assert!(!fused.weighs_in_f16()); // as attention does
/// # Ok::<(), wgformer::Error>(())
/// ```
pub trait Operation: Any + fmt::Debug + Send + Sync {
    /// Its name in the field's standard terms.
    fn name(&self) -> &'static str;

    /// The result's shape.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the operands do not fit together.
    fn infer(&self, operands: &[&TensorInfo]) -> Result<Shape>;

    /// Its definition: the same function as `reference/` has it.
    fn reference(&self, operands: &[&Tensor]) -> Tensor;

    /// The ways to run it that are right on the adapter for these shapes, the best first for each storage; never empty for buffers.
    ///
    /// See [`Request`] for an example.
    fn offers(&self, request: &Request<'_>) -> Vec<Offer>;

    /// The multiplications and additions of its matrix products in a run, if it has any; of sequences as if all were as
    /// long as the longest.
    ///
    /// `operands` and `result`: their axes for the run.
    fn flops(&self, operands: &[Vec<usize>], result: &[usize], sizes: &Sizes) -> Option<f64> {
        let _ = (operands, result, sizes);
        None
    }

    /// About how many multiplications and additions a run does, to tell how long a part of it takes; where memory is
    /// what costs, what could be multiplied and added in that time.
    ///
    /// `operands` and `result`: their axes for the run.
    fn work(&self, operands: &[Vec<usize>], result: &[usize], sizes: &Sizes) -> f64 {
        let memory_bound = 16.0 * result.iter().product::<usize>() as f64;
        self.flops(operands, result, sizes).unwrap_or(memory_bound)
    }

    /// Whether a result is a mean of values by weights that kernels with cooperative matrices cut off to f16, which moves
    /// it by more than rounding does.
    fn weighs_in_f16(&self) -> bool {
        false
    }

    /// The one operation that equals this one, as node `own`, followed by `consumer`, which alone reads its result, once.
    ///
    /// The fused operation takes this one's operands and then the consumer's others, in order.
    fn absorb(&self, own: &Node, consumer: &Node) -> Option<Arc<dyn Operation>> {
        let _ = (own, consumer);
        None
    }
}

/// What an operation may look at when it offers its variants.
///
/// ```
/// use wgformer::graph::{Graph, Request};
/// use wgformer::tensor::{Dim, WeightType};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(384)]);
/// graph.softmax(x)?;
///
/// let gpu = wgformer::Gpu::new()?;
/// let node = &graph.nodes()[0];
/// let request = Request::of(&graph, node, gpu.capabilities(), WeightType::F32);
/// assert_eq!((request.dims(0)[0], request.fixed(0, 1)), (Dim::Tokens, 384));
/// for offer in node.operation.offers(&request) {
///     println!("{}", offer.largest()); // such as softmax_vec4
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// What the device can do.
    pub capabilities: &'a Capabilities,
    /// The node's operands.
    pub operands: Vec<&'a TensorInfo>,
    /// The type that weight matrices are stored as.
    pub weight_type: WeightType,
}

impl<'a> Request<'a> {
    /// For one of the graph's nodes.
    #[must_use]
    pub fn of(
        graph: &'a Graph,
        node: &Node,
        capabilities: &'a Capabilities,
        weight_type: WeightType,
    ) -> Self {
        let operands = node.inputs.iter().map(|input| graph.tensor(*input));
        Self {
            capabilities,
            operands: operands.collect(),
            weight_type,
        }
    }
}

impl Request<'_> {
    /// An operand's shape, as axes.
    #[must_use]
    pub fn dims(&self, operand: usize) -> &[Dim] {
        self.operands[operand].shape.dims()
    }

    /// The length of an operand's axis that does not depend on the run.
    ///
    /// # Panics
    /// If it does; [`Operation::infer`] has to refuse that.
    #[must_use]
    pub fn fixed(&self, operand: usize, axis: usize) -> usize {
        self.dims(operand)[axis]
            .fixed()
            .expect("`infer` accepts fixed axes only")
    }
}
