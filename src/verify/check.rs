use std::fmt;

use super::Case;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::graph::{Graph, Request};
use crate::kernel::Kernel;
use crate::plan::{Plan, PlanOptions, Value, fuse, interpret};
use crate::tensor::{Data, Sizes, WeightType};
use crate::tuning::Selection;

/// How one kernel did on one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The operation.
    pub operation: &'static str,
    /// The kernel, by its file stem.
    pub kernel: &'static str,
    /// The case and the weights' type.
    pub case: String,
    /// The largest error as a share of what the tolerance allows; at most 1 is right.
    pub worst: f64,
    /// What is wrong, if anything is.
    pub failure: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {}: {:.3} of the tolerance",
            self.kernel, self.case, self.worst
        )?;
        self.failure
            .as_ref()
            .map_or(Ok(()), |failure| write!(f, ", {failure}"))
    }
}

/// Runs a case on every kernel that this adapter can run, with f32 and, where a kernel reads weight matrices, with
/// f16 weights, against the reference.
///
/// # Errors
/// What a plan says if it cannot be compiled or run; a wrong result is not an error but an outcome.
pub fn check(gpu: &Gpu, case: &Case) -> Result<Vec<Outcome>> {
    let graph = fuse(&case.graph);
    let values = case.values();
    // From the graph as it was written, so that fusion is checked too.
    let mut reference = interpret(&case.graph, &case.weights, &case.sizes, &values)?;
    let output = graph.output().expect("a case has nodes");
    let expected = reference
        .remove(&output)
        .expect("the interpreter computes every node");

    let mut outcomes = Vec::new();
    for Candidate {
        kernel,
        weight_type,
        plan,
    } in plans(gpu, case)?
    {
        let (result, guard) = plan.run_poisoned(&case.sizes, &values)?;
        outcomes.push(judge(
            case,
            kernel,
            weight_type,
            &result,
            &guard,
            expected.f32(),
        ));
    }
    Ok(outcomes)
}

/// A case compiled for one of the kernels that can run it.
#[derive(Debug)]
pub struct Candidate {
    /// The kernel, by its file stem.
    pub kernel: &'static str,
    /// How weight matrices are stored.
    pub weight_type: WeightType,
    /// The case's graph with that kernel in its last node.
    pub plan: Plan,
}

/// A case compiled for every kernel that this adapter can run, with f32 and, where a kernel reads weight matrices, with
/// f16 weights.
///
/// # Errors
/// What a plan says if it cannot be compiled.
pub fn plans(gpu: &Gpu, case: &Case) -> Result<Vec<Candidate>> {
    let graph = fuse(&case.graph);
    let mut plans = Vec::new();
    for weight_type in [WeightType::F32, WeightType::F16] {
        for kernel in kernels(gpu, &graph, weight_type) {
            let mut options = PlanOptions::new(with_room(&case.sizes));
            options.weight_type = weight_type;
            options.selection = Selection::Kernels(vec![kernel.name]);
            options.storage = Some(kernel.storage());
            let plan = Plan::compile(gpu, &case.graph, &case.weights, &options)?;
            plans.push(Candidate {
                kernel: kernel.name,
                weight_type,
                plan,
            });
        }
    }
    Ok(plans)
}

impl Case {
    /// Its inputs as a run wants them, in order.
    #[must_use]
    pub fn values(&self) -> Vec<Value<'_>> {
        self.inputs.iter().map(as_value).collect()
    }
}

fn as_value(data: &Data) -> Value<'_> {
    match data {
        Data::F32(values) => Value::F32(values),
        Data::U32(values) => Value::U32(values),
    }
}

/// A capacity beyond the case's sizes: what lies between is the guard region.
fn with_room(sizes: &Sizes) -> Sizes {
    Sizes {
        tokens: sizes.tokens + 3,
        sequences: sizes.sequences + 2,
        longest: sizes.longest,
    }
}

/// The kernels that the last node may run on; with f16 only those for which the weights' type makes a difference.
fn kernels(gpu: &Gpu, graph: &Graph, weight_type: WeightType) -> Vec<&'static Kernel> {
    let node = graph.nodes().last().expect("a case has nodes");
    let operands: Vec<_> = node
        .inputs
        .iter()
        .map(|input| graph.tensor(*input))
        .collect();
    let request = Request {
        capabilities: gpu.capabilities(),
        operands,
        weight_type,
    };
    let candidates = node
        .operation
        .variants(&request)
        .into_iter()
        .filter(|variant| {
            let runs = gpu
                .capabilities()
                .features
                .contains(variant.kernel.features);
            runs && (weight_type == WeightType::F32
                || variant.kernel.constants.contains(&"WEIGHT_BITS"))
        });
    candidates.map(|variant| variant.kernel).collect()
}

fn judge(
    case: &Case,
    kernel: &'static str,
    weight_type: WeightType,
    result: &[f32],
    guard: &[f32],
    expected: &[f32],
) -> Outcome {
    let shares = result
        .iter()
        .zip(expected)
        .map(|(gpu, reference)| case.tolerance.share(*gpu, *reference));
    let (place, worst) =
        shares.enumerate().fold(
            (0, 0.0),
            |worst: (usize, f64), share| {
                if share.1 > worst.1 { share } else { worst }
            },
        );
    let failure = if result.len() != expected.len() {
        Some(format!(
            "{} elements, the reference has {}",
            result.len(),
            expected.len()
        ))
    } else if worst > 1.0 {
        let count = result
            .iter()
            .zip(expected)
            .filter(|(gpu, value)| case.tolerance.share(**gpu, **value) > 1.0)
            .count();
        let (gpu, reference) = (result[place], expected[place]);
        Some(format!(
            "{count} of {} wrong; at {place} the GPU has {gpu}, the reference {reference}",
            expected.len()
        ))
    } else {
        let touched = guard.iter().position(|value| !value.is_nan());
        touched.map(|place| format!("wrote {place} elements past the end of its result"))
    };
    let case_name = format!("{} ({weight_type} weights)", case.name);
    Outcome {
        operation: case.operation,
        kernel,
        case: case_name,
        worst,
        failure,
    }
}
