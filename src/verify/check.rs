//! A case on every kernel that can run it.

use std::sync::Arc;

use super::comparison::Comparison;
use super::{Case, Outcome};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Gpu, Vendor};
use crate::graph::{Graph, Request};
use crate::kernel::{Offer, Variant};
use crate::plan::{Plan, PlanOptions, Trace, fuse, interpret, tested};
use crate::tensor::{Sizes, WeightType};

/// Runs a case on every one of its [`candidates`], against the reference.
///
/// ```
/// use wgformer::verify::{Values, cases, check};
///
/// let gpu = wgformer::Gpu::new()?;
/// for outcome in check(&gpu, &cases::softmax(3, 8, Values::Unit)?)? {
///     println!("{outcome}");
///     assert!(outcome.failure.is_none());
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// What the interpreter says of a case that is wrong in itself. A kernel that does not compile or run is no error, but
/// an outcome like a wrong result.
pub fn check(gpu: &Gpu, case: &Case) -> Result<Vec<Outcome>> {
    check_where(gpu, case, |_| true)
}

/// As [`check`], on those candidates alone that `keep` says.
///
/// ```
/// use wgformer::verify::{Values, cases, check_where};
///
/// let gpu = wgformer::Gpu::new()?;
/// let case = cases::softmax(3, 8, Values::Unit)?;
/// let outcomes = check_where(&gpu, &case, |it| it.variant().kernel.name == "softmax")?;
/// assert!(outcomes.iter().all(|outcome| outcome.kernel == "softmax"));
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`check`].
pub fn check_where(
    gpu: &Gpu,
    case: &Case,
    keep: impl FnMut(&Candidate) -> bool,
) -> Result<Vec<Outcome>> {
    let rounds = |candidate: &Candidate| candidate.variant.kernel.cooperative_matrix.is_some();
    let (rounding, others): (Vec<_>, Vec<_>) = candidates(gpu, case)
        .into_iter()
        .filter(keep)
        .partition(rounds);
    let mut outcomes = check_all(gpu, case, others)?;
    if !rounding.is_empty() {
        outcomes.extend(check_all(gpu, &case.in_f16(), rounding)?);
    }
    Ok(outcomes)
}

fn check_all(gpu: &Gpu, case: &Case, candidates: Vec<Candidate>) -> Result<Vec<Outcome>> {
    let expected = expected(case)?;
    let outcome = |candidate: Candidate| match candidate.run(gpu, case) {
        Err(Error::NoVariant { .. }) => None, // too large for a texture
        Ok(trace) => {
            Some(candidate.outcome(case, Comparison::new(&case.tolerance, &trace, &expected)))
        }
        Err(error) => Some(candidate.outcome(case, Comparison::failed(&case.tolerance, &error))),
    };
    Ok(candidates.into_iter().filter_map(outcome).collect())
}

/// What the reference says of a case: of the graph as it was written, so that fusion is checked too.
pub(super) fn expected(case: &Case) -> Result<Vec<f32>> {
    let mut tensors = interpret(&case.graph, &*case.weights, &case.sizes, &case.values())?;
    let output = case.graph.output().expect("a case has nodes");
    let expected = tensors
        .remove(&output)
        .expect("the interpreter computes every node");
    Ok(expected.f32().to_vec())
}

/// A variant that can run a case.
///
/// ```
/// use wgformer::verify::{Candidate, Values, candidates, cases};
///
/// let gpu = wgformer::Gpu::new()?;
/// let case = cases::softmax(3, 8, Values::Unit)?;
/// let first: Candidate = candidates(&gpu, &case).remove(0);
/// println!("{} with {} weights", first.variant(), first.weight_type());
/// let plan = first.plan(&gpu, &case)?;
/// assert_eq!(plan.run(&case.sizes, &case.values())?.len(), 3 * 8);
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// What it was offered for: on another graph it would read past the ends of buffers.
    graph: Arc<Graph>,
    pub(super) variant: Variant,
    weight_type: WeightType,
}

/// The variants that this adapter can run, with each type of weights that makes a difference to them:
/// those that it is offered, and those that another kind of adapter would be, since a software adapter can check what
/// GPUs run. A case too large for a texture is found out when its plan is compiled.
///
/// ```
/// use wgformer::verify::{Values, candidates, cases};
///
/// let gpu = wgformer::Gpu::new()?;
/// for candidate in candidates(&gpu, &cases::softmax(3, 8, Values::Unit)?) {
///     println!("{} {}", candidate.variant().kernel.name, candidate.describe());
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[must_use]
pub fn candidates(gpu: &Gpu, case: &Case) -> Vec<Candidate> {
    let graph = Arc::new(fuse(&case.graph));
    let mut candidates: Vec<Candidate> = Vec::new();
    for capabilities in kinds_of_adapter(tested(gpu)) {
        let others = offered(&capabilities, &graph);
        let is_new =
            |candidate: &Candidate| !candidates.iter().any(|known| known.is_same(candidate));
        let new: Vec<Candidate> = others.into_iter().filter(is_new).collect();
        candidates.extend(new);
    }
    candidates
}

/// This adapter as it is, as a software adapter, and as one of each vendor.
pub(super) fn kinds_of_adapter(own: &Capabilities) -> Vec<Capabilities> {
    use wgpu::DeviceType::{Cpu, DiscreteGpu};
    let kind = |device_type, vendor| {
        let mut capabilities = own.clone();
        capabilities.info.device_type = device_type;
        capabilities.info.vendor = vendor;
        capabilities
    };
    let mut kinds = vec![own.clone(), kind(Cpu, own.info.vendor)];
    kinds.extend(Vendor::NUMBERS.map(|(number, _)| kind(DiscreteGpu, number)));
    kinds
}

/// The variants that a device of these capabilities is offered for a graph's last node.
pub(super) fn offered(capabilities: &Capabilities, graph: &Arc<Graph>) -> Vec<Candidate> {
    let node = graph.nodes().last().expect("a case has nodes");
    let mut candidates = Vec::new();
    for weight_type in WeightType::ALL {
        let request = Request::of(graph, node, capabilities, weight_type);
        let offers = node.operation.offers(&request);
        for variant in offers.iter().flat_map(Offer::variants) {
            let candidate = Candidate {
                graph: Arc::clone(graph),
                variant: variant.clone(),
                weight_type,
            };
            let is_known = candidates
                .iter()
                .any(|known: &Candidate| known.is_same(&candidate));
            if !is_known && capabilities.obstacle(candidate.variant.kernel).is_none() {
                candidates.push(candidate);
            }
        }
    }
    candidates
}

/// What of a variant depends on the adapter and the user, not on the case: the weights' type, its tile, and where they
/// vary, how many lanes work together and how the tile is staged.
pub(super) fn describe(variant: &Variant, weight_type: WeightType) -> String {
    let tile = variant
        .tile
        .map(|[rows, columns]| format!("{rows}x{columns}"));
    let of_adapter = |(name, value): &(&str, u32)| match (*name, *value) {
        ("LANES" | "WORKGROUP_SIZE", lanes) => Some(format!("{lanes} lanes")),
        ("TOGETHER", 1) => Some("together".to_owned()),
        ("SHUFFLES", 1) => Some("shuffles".to_owned()),
        ("UNROLL", steps) if steps > 1 => Some(format!("{steps} k")),
        _ => None,
    };
    let of_adapter = variant.constants.iter().filter_map(of_adapter);
    let parts = [weight_type.to_string()].into_iter().chain(tile);
    parts.chain(of_adapter).collect::<Vec<_>>().join(", ")
}

impl Candidate {
    fn is_same(&self, other: &Self) -> bool {
        let key = |candidate: &Self| {
            (
                candidate.variant.kernel.name,
                candidate.variant.constants.clone(),
            )
        };
        key(self) == key(other)
    }

    /// The kernel, specialised.
    #[must_use]
    pub fn variant(&self) -> &Variant {
        &self.variant
    }

    /// How weight matrices are stored.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// The weights' type and the tile, and where they vary, how many lanes work together and how the tile is staged;
    /// with the kernel's name, no two candidates of a case have the same.
    ///
    /// See [`candidates`] for an example.
    #[must_use]
    pub fn describe(&self) -> String {
        describe(&self.variant, self.weight_type)
    }

    /// The graph of its case on this variant, with the weights of `case` and for its sizes.
    ///
    /// # Errors
    /// [`Error::NoVariant`] if the case does not fit the kernel's storage; as [`Plan::compile`].
    pub fn plan(&self, gpu: &Gpu, case: &Case) -> Result<Plan> {
        let mut options = PlanOptions::new(with_room(&case.sizes));
        options.weight_type = self.weight_type;
        let offers = vec![self.variant.clone().into()];
        let weights = Arc::clone(&case.weights) as _;
        Plan::with_offers(gpu, (*self.graph).clone(), weights, &options, offers)
    }

    fn run(&self, gpu: &Gpu, case: &Case) -> Result<Trace> {
        run(&self.plan(gpu, case)?, case)
    }

    fn outcome(&self, case: &Case, compared: Comparison) -> Outcome {
        Outcome {
            operation: case.operation.to_owned(),
            kernel: self.variant.kernel.name,
            variant: self.describe(),
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::verify::cases;

    #[test]
    fn no_two_candidates_of_a_case_are_described_alike() {
        let gpu = Gpu::new().unwrap();
        for recipe in cases::all() {
            let case = recipe().unwrap();
            let mut seen = HashSet::new();
            for candidate in candidates(&gpu, &case) {
                let name = (candidate.variant.kernel.name, candidate.describe());
                assert!(
                    seen.insert(name.clone()),
                    "{name:?} twice for {}",
                    case.name
                );
            }
        }
    }
}
