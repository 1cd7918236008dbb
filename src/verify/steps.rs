//! A model's forward pass, step by step.

use super::check::describe;
use super::comparison::Comparison;
use super::{Outcome, Random, Tolerance};
use crate::error::Result;
use crate::graph::{Domain, Graph, Source};
use crate::plan::{Plan, Value, Weights, interpret};
use crate::tensor::{DType, Data, Sizes, WeightType};

/// A model's forward pass on random inputs, every step against the reference, and then at once, which must give the
/// bits that it gives step by step.
///
/// `weights`: those that `plan` was compiled with.
///
/// ```
/// use wgformer::models::{Checkpoint, Head, Model, ModelOptions};
/// use wgformer::verify::{rows, steps};
///
/// # let folder = "tests/data/tiny/plain";
/// let (gpu, options) = (wgformer::Gpu::new()?, ModelOptions::default());
/// let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &options)?;
/// for row in rows(&steps(model.plan(), &Checkpoint::open(folder.as_ref())?)?) {
///     println!("{} {}: {:?}", row.operation, row.kernel, row.verdict);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`Plan::run`]; what `weights` says of a missing tensor.
///
/// # Panics
/// If the plan stores weights as anything but f32: the reference rounds none.
pub fn steps(plan: &Plan, weights: &dyn Weights) -> Result<Vec<Outcome>> {
    assert_eq!(
        plan.weight_type(),
        WeightType::F32,
        "the reference rounds no weights"
    );
    let graph = plan.graph();
    let offsets = offsets(plan.capacity());
    let sizes = Sizes::from_segments(&offsets);
    let inputs = inputs(graph, &offsets, &sizes);
    let values: Vec<Value<'_>> = inputs.iter().map(Value::from).collect();
    let expected = interpret(graph, weights, &sizes, &values)?;
    let traces = plan.trace(&sizes, &values)?;
    let at_once = plan.run(&sizes, &values)?;

    let mut outcomes = Vec::new();
    for ((step, node), (variant, trace)) in (1..)
        .zip(graph.nodes())
        .zip(plan.variants(&sizes).zip(&traces))
    {
        let reference = expected[&node.output].f32();
        let tolerance = Tolerance::step(step, reference);
        let mut compared = Comparison::new(&tolerance, trace, reference);
        if step == traces.len() && !is_same(&trace.result, &at_once) {
            compared
                .failure
                .get_or_insert("at once it gives other bits than step by step".to_owned());
        }
        outcomes.push(Outcome {
            operation: graph.tensor(node.output).name.clone(),
            kernel: variant.kernel.name,
            variant: describe(variant, plan.weight_type()),
            case: format!("{} tokens in {} sequences", sizes.tokens, sizes.sequences),
            worst: compared.worst,
            tolerance: compared.tolerance,
            failure: compared.failure,
        });
    }
    Ok(outcomes)
}

fn is_same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// A few sequences: one of one token, an empty one, one longer than a tile, as far as they fit.
fn offsets(capacity: &Sizes) -> Vec<u32> {
    let mut offsets = vec![0];
    for length in [40, 1, 0, 19].into_iter().take(capacity.sequences) {
        let end = offsets[offsets.len() - 1] as usize;
        let length = length.min(capacity.longest).min(capacity.tokens - end);
        offsets.push((end + length) as u32);
    }
    offsets
}

pub(super) fn inputs(graph: &Graph, offsets: &[u32], sizes: &Sizes) -> Vec<Data> {
    let mut random = Random::new(7);
    let mut values = |input| {
        let input = graph.tensor(input);
        let count = input.shape.elements(sizes);
        match input.source {
            Source::Input(Domain::Segments) => Data::from(offsets.to_vec()),
            Source::Input(Domain::Below(bound)) => Data::from(
                (0..count)
                    .map(|_| random.below(bound) as u32)
                    .collect::<Vec<_>>(),
            ),
            _ if input.dtype == DType::U32 => Data::from(vec![0_u32; count]),
            _ => Data::from((0..count).map(|_| random.unit()).collect::<Vec<_>>()),
        }
    };
    graph.inputs().iter().map(|input| values(*input)).collect()
}
