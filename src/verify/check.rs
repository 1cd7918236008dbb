//! A case on every kernel that can run it.

use super::comparison::Comparison;
use super::{Case, Outcome};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Gpu};
use crate::graph::{Graph, Request};
use crate::kernel::{Kernel, Variant};
use crate::plan::{Plan, PlanOptions, Trace, fuse, interpret};
use crate::tensor::{Sizes, WeightType};
use crate::tuning::Selection;

/// Runs a case on every kernel that this adapter can run, with f32 and, where a kernel reads weight matrices, with
/// f16 weights, against the reference.
///
/// # Errors
/// What the interpreter says of a case that is wrong in itself. A kernel that does not compile or run is no error, but
/// an outcome like a wrong result.
pub fn check(gpu: &Gpu, case: &Case) -> Result<Vec<Outcome>> {
    let expected = expected(case)?;
    let outcome = |candidate: Candidate| match candidate.run(gpu, case) {
        Err(Error::NoVariant { .. }) => None, // too large for a texture
        Ok(trace) => {
            Some(candidate.outcome(case, Comparison::new(&case.tolerance, &trace, &expected)))
        }
        Err(error) => Some(candidate.outcome(case, Comparison::failed(&case.tolerance, &error))),
    };
    Ok(candidates(gpu, case)
        .into_iter()
        .filter_map(outcome)
        .collect())
}

/// What the reference says of a case: of the graph as it was written, so that fusion is checked too.
pub(super) fn expected(case: &Case) -> Result<Vec<f32>> {
    let mut tensors = interpret(&case.graph, &case.weights, &case.sizes, &case.values())?;
    let output = case.graph.output().expect("a case has nodes");
    let expected = tensors
        .remove(&output)
        .expect("the interpreter computes every node");
    Ok(expected.f32().to_vec())
}

/// A kernel that can run a case.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// How weight matrices are stored.
    pub weight_type: WeightType,
    /// How the kernel is specialised: the weights' type, and the subgroup size where it has one.
    pub variant: String,
}

/// The kernels that this adapter offers for a case, with f32 and, where a kernel reads weight matrices, with f16
/// weights. A case too large for a texture is found out when its plan is compiled.
#[must_use]
pub fn candidates(gpu: &Gpu, case: &Case) -> Vec<Candidate> {
    offered(gpu.capabilities(), &fuse(&case.graph))
}

/// The kernels that a device of these capabilities offers for a graph's last node.
pub(super) fn offered(capabilities: &Capabilities, graph: &Graph) -> Vec<Candidate> {
    let node = graph.nodes().last().expect("a case has nodes");
    let mut candidates = Vec::new();
    for weight_type in [WeightType::F32, WeightType::F16] {
        let request = Request::of(graph, node, capabilities, weight_type);
        let variants = node.operation.variants(&request).into_iter();
        let runs = |variant: &Variant| {
            let differs =
                weight_type == WeightType::F32 || variant.kernel.constants.contains(&"WEIGHT_BITS");
            differs && capabilities.obstacle(variant.kernel).is_none()
        };
        candidates.extend(variants.filter(runs).map(|variant| Candidate {
            kernel: variant.kernel,
            weight_type,
            variant: describe(&variant, weight_type),
        }));
    }
    candidates
}

/// What of a variant depends on the adapter and the user, not on the case.
pub(super) fn describe(variant: &Variant, weight_type: WeightType) -> String {
    match variant.constants.iter().find(|(name, _)| *name == "LANES") {
        Some((_, lanes)) => format!("{weight_type}, {lanes} lanes"),
        None => weight_type.to_string(),
    }
}

impl Candidate {
    /// The case's graph with this kernel in its last node.
    ///
    /// # Errors
    /// [`Error::NoVariant`] if the case does not fit the kernel's storage; as [`Plan::compile`].
    pub fn plan(&self, gpu: &Gpu, case: &Case) -> Result<Plan> {
        Plan::compile(gpu, &case.graph, &case.weights, &self.options(&case.sizes))
    }

    pub(super) fn options(&self, sizes: &Sizes) -> PlanOptions {
        let mut options = PlanOptions::new(with_room(sizes));
        options.weight_type = self.weight_type;
        options.selection = Selection::Kernels(vec![self.kernel.name]);
        options.storage = Some(self.kernel.storage());
        options
    }

    fn run(&self, gpu: &Gpu, case: &Case) -> Result<Trace> {
        run(&self.plan(gpu, case)?, case)
    }

    fn outcome(&self, case: &Case, compared: Comparison) -> Outcome {
        Outcome {
            operation: case.operation.to_owned(),
            kernel: self.kernel.name,
            variant: self.variant.clone(),
            case: case.name.clone(),
            worst: compared.worst,
            tolerance: compared.tolerance,
            failure: compared.failure,
        }
    }
}

pub(super) fn run(plan: &Plan, case: &Case) -> Result<Trace> {
    let mut steps = plan.trace(&case.sizes, &case.values())?;
    Ok(steps.pop().expect("a case has nodes"))
}

/// A capacity beyond the case's sizes: what lies between is the guard region, a few rows of whatever is counted.
fn with_room(sizes: &Sizes) -> Sizes {
    Sizes {
        tokens: sizes.tokens + 3,
        sequences: sizes.sequences + 2,
        longest: sizes.longest,
    }
}
