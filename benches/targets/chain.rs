//! One operation on the device alone.

use std::sync::Arc;

use wgformer::graph::{Graph, TensorId};
use wgformer::plan::{Plan, PlanOptions, interpret};
use wgformer::tensor::WeightType;
use wgformer::verify::Case;
use wgformer::{Gpu, Result};

use super::Best;

/// Adds a case's operation once more, on the same operands.
pub(crate) type Again = fn(&mut Graph, &[TensorId]) -> Result<TensorId>;

/// A case's operation once, and many times in one graph: what the many take longer than the one, divided by how many
/// more they are, is one dispatch without upload and read-back, which both have. The nodes read the same input and write to
/// the same slot, so they run one after another; each has its own copy of the weights, as the layers of a model have.
pub(crate) struct Chain<'a> {
    case: &'a Case,
    one: (Plan, Best),
    many: (Plan, Best),
    more: usize,
}

impl<'a> Chain<'a> {
    /// How long the many should take, in seconds.
    const ENOUGH: f64 = 0.4;

    /// Verified.
    ///
    /// `expected`: what the reference says.
    pub(crate) fn new(
        gpu: &Gpu,
        case: &'a Case,
        expected: &[f32],
        weight_type: WeightType,
        again: Again,
    ) -> Self {
        let one = plan(gpu, case, weight_type, again, 0);
        let mut best = Best::new();
        for _ in 0..3 {
            let found = best.time(|| run(&one, case));
            verify(case, expected, &found);
        }
        let more = (Self::ENOUGH / best.0).ceil().clamp(1.0, 32.0) as usize;
        let many = plan(gpu, case, weight_type, again, more);
        verify(case, expected, &run(&many, case));
        Self {
            case,
            one: (one, Best::new()),
            many: (many, Best::new()),
            more,
        }
    }

    pub(crate) fn round(&mut self) {
        for (plan, best) in [&mut self.one, &mut self.many] {
            best.time(|| run(plan, self.case));
        }
    }

    /// What one dispatch takes.
    pub(crate) fn seconds(&self) -> f64 {
        (self.many.1.0 - self.one.1.0) / self.more as f64
    }

    /// Which kernel it is.
    pub(crate) fn kernel(&self) -> &'static str {
        let variant = self.one.0.variants(&self.case.sizes).last();
        variant.expect("a case has nodes").kernel.name
    }
}

/// The case's graph with its operation `more` times more.
fn plan(gpu: &Gpu, case: &Case, weight_type: WeightType, again: Again, more: usize) -> Plan {
    let mut graph = case.graph.clone();
    let node = graph.nodes().last().expect("a case has nodes");
    let operands = node.inputs.clone();
    for _ in 0..more {
        again(&mut graph, &operands).unwrap();
    }
    let mut options = PlanOptions::new(case.sizes);
    options = options.weight_type(weight_type);
    Plan::compile(gpu, &graph, Arc::clone(&case.weights) as _, &options).unwrap()
}

fn run(plan: &Plan, case: &Case) -> Vec<f32> {
    plan.run(&case.sizes, &case.values()).unwrap()
}

/// What the reference says of a case.
pub(crate) fn expected(case: &Case) -> Vec<f32> {
    let mut tensors = interpret(&case.graph, &*case.weights, &case.sizes, &case.values()).unwrap();
    let output = case.graph.output().expect("a case has nodes");
    tensors.remove(&output).unwrap().f32().to_vec()
}

/// # Panics
/// If a result is not what it should be.
pub(crate) fn verify(case: &Case, expected: &[f32], found: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{}", case.name);
    let mut pairs = found.iter().zip(expected);
    let wrong = pairs.position(|(gpu, reference)| case.tolerance.share(*gpu, *reference) > 1.0);
    assert!(wrong.is_none(), "{}: wrong at {wrong:?}", case.name);
}
