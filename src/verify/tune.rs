//! Which variants are fastest on this adapter, for the nodes of a graph.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::comparison::Comparison;
use super::random::Random;
use super::steps::inputs;
use super::tolerance::Tolerance;
use super::values::in_f16;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::graph::{Graph, Request, Source};
use crate::kernel::{Offer, Variant};
use crate::plan::{Plan, PlanOptions, Value, fuse, interpret, tested};
use crate::tensor::{Data, Sizes, Tensor, WeightType};
use crate::tuning::{Bound, Measurements, class, preferred_storage, that_run, ways};

/// The numbers of rows that are timed, up to a large batch.
const ROWS: [usize; 9] = [1, 8, 16, 32, 64, 128, 256, 512, 1024];

/// A run that takes so long is timed once, and more rows are not: they would take as much longer on every variant.
const LONG: Duration = Duration::from_millis(20);

/// One that took so many times as long as the best is not timed for more rows.
const HOPELESS: u32 = 5;

/// A node that can run in several ways, once per class.
///
/// See [`tune()`].
#[derive(Debug)]
pub struct Tunable {
    class: String,
    /// The node alone.
    graph: Graph,
    offers: Vec<Offer>,
    weight_type: WeightType,
}

/// What there is to measure for a graph, with weights stored as `weight_type`: linear layers first and then attention,
/// which take most of a model's time.
///
/// See [`tune()`] for an example.
#[must_use]
pub fn tunables(gpu: &Gpu, graph: &Graph, weight_type: WeightType) -> Vec<Tunable> {
    let (graph, capabilities) = (fuse(graph), tested(gpu));
    let storage = preferred_storage(capabilities);
    let mut tunables = BTreeMap::new();
    for node in graph.nodes() {
        let request = Request::of(&graph, node, capabilities, weight_type);
        let offers = that_run(&node.operation.offers(&request), storage, capabilities);
        if ways(&offers) > 1 {
            let class = class(node, &request);
            tunables.entry(class.clone()).or_insert_with(|| Tunable {
                class,
                graph: graph.alone(node),
                offers,
                weight_type,
            });
        }
    }
    let mut tunables: Vec<Tunable> = tunables.into_values().collect();
    tunables.sort_by_key(Tunable::rank);
    tunables
}

/// Times every way to run one node, each verified first, and adds the fastest to `measurements`.
///
/// All that it adds is of one offer, so that the bits stay the same whatever the number of rows: of the offer that is
/// fastest over all of them.
///
/// ```
/// use wgformer::tensor::{Dim, WeightType};
/// use wgformer::tuning::Measurements;
/// use wgformer::verify::{Tunable, tunables, tune};
///
/// # let mut graph = wgformer::Graph::new();
/// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// # let weight = graph.parameter("weight", [4, 8]);
/// # graph.linear(x, weight, None)?;
/// let gpu = wgformer::Gpu::new()?;
/// let mut measurements = Measurements::new(gpu.capabilities());
/// let tunables: Vec<Tunable> = tunables(&gpu, &graph, WeightType::F32);
/// for tunable in &tunables {
///     println!("{}", tunable.class());
///     tune(&gpu, tunable, &mut measurements)?;
/// }
/// println!("{} kinds of nodes were measured", measurements.nodes().len());
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`Plan::compile`] and [`Plan::run`]. A variant that computes wrongly is no error: it is left out, and the log
/// says so.
pub fn tune(gpu: &Gpu, tunable: &Tunable, measurements: &mut Measurements) -> Result<()> {
    let weights = Arc::new(tunable.weights());
    let mut best: Option<(f64, Vec<Bound>)> = None;
    for offer in &tunable.offers {
        let mut timed = Vec::new();
        for variant in offer.variants() {
            match tunable.plan(gpu, variant, &weights)? {
                Some(plan) => timed.push((variant, plan)),
                None => log::warn!("{variant} computes wrongly for {}: left out", tunable.class),
            }
        }
        if let Some(found) = fastest(&timed, tunable)? {
            if best.as_ref().is_none_or(|(cost, _)| found.0 < *cost) {
                best = Some(found);
            }
        }
    }
    if let Some((_, bounds)) = best {
        measurements.insert(tunable.class.clone(), &tunable.offers, bounds);
    }
    Ok(())
}

/// The fastest variant for every number of rows, and the mean logarithm of their times per row: the offer with the
/// lowest is taken, since a tenth of the time of one row weighs as much as a tenth of that of a thousand.
fn fastest(plans: &[(&Variant, Plan)], tunable: &Tunable) -> Result<Option<(f64, Vec<Bound>)>> {
    let mut hopeful: Vec<&(&Variant, Plan)> = plans.iter().collect();
    let (mut cost, mut rows_timed, mut bounds) = (0.0, 0.0, Vec::<Bound>::new());
    for rows in ROWS {
        let times = hopeful.iter().map(|(_, plan)| tunable.time(plan, rows));
        let times = times.collect::<Result<Vec<Duration>>>()?;
        let Some((place, time)) = times.iter().enumerate().min_by_key(|(_, time)| **time) else {
            return Ok(None);
        };
        // Per row, since a slow offer is not timed for as many rows.
        cost += (time.as_secs_f64() / rows as f64).ln();
        rows_timed += 1.0;
        let variant = hopeful[place].0.to_string();
        match bounds.last_mut() {
            Some(last) if last.variant == variant => last.most_rows = Some(rows),
            _ => bounds.push(Bound {
                most_rows: Some(rows),
                variant,
            }),
        }
        let (time, limit) = (*time, *time * HOPELESS);
        let mut times = times.iter();
        hopeful.retain(|_| times.next().is_some_and(|time| *time <= limit));
        if time > LONG {
            break;
        }
    }
    if let Some(last) = bounds.last_mut() {
        last.most_rows = None;
    }
    Ok(Some((cost / rows_timed, bounds)))
}

/// Tokens of a sequence, if there are so many: what attention costs depends on it.
const LENGTH: usize = 128;

/// Of so many tokens.
fn offsets(rows: usize) -> Vec<u32> {
    let starts = (0..rows).step_by(LENGTH);
    starts.chain([rows]).map(|end| end as u32).collect()
}

fn sizes(rows: usize) -> Sizes {
    Sizes::from_segments(&offsets(rows))
}

impl Tunable {
    /// What is measured.
    ///
    /// See [`tune()`] for an example.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Lower where more time is to be won.
    fn rank(&self) -> usize {
        let operation = self.graph.nodes()[0].operation.name();
        let first = ["linear", "attention"];
        first
            .iter()
            .position(|name| operation.ends_with(name))
            .unwrap_or(first.len())
    }

    fn weights(&self) -> HashMap<String, Tensor> {
        let mut random = Random::new(11);
        let parameters = self.graph.nodes()[0].inputs.iter();
        let parameters = parameters.map(|id| self.graph.tensor(*id));
        parameters
            .filter(|tensor| tensor.source == Source::Parameter)
            .map(|tensor| {
                let shape = tensor.shape.fixed().expect("a parameter's shape is fixed");
                (tensor.name.clone(), random.weights(&shape))
            })
            .collect()
    }

    /// The node on this variant; `None` if it computes wrongly.
    fn plan(
        &self,
        gpu: &Gpu,
        variant: &Variant,
        weights: &Arc<HashMap<String, Tensor>>,
    ) -> Result<Option<Plan>> {
        let most = ROWS[ROWS.len() - 1];
        let mut options = PlanOptions::new(sizes(most));
        options.weight_type = self.weight_type;
        let offers = vec![variant.clone().into()];
        let plan = Plan::with_offers(
            gpu,
            self.graph.clone(),
            Arc::clone(weights) as _,
            &options,
            offers,
        )?;

        let sizes = sizes(37);
        let mut inputs = self.inputs(37);
        if variant.kernel.cooperative_matrix.is_some() {
            inputs = in_f16(&inputs);
        }
        let values: Vec<Value<'_>> = inputs.iter().map(Value::from).collect();
        let expected = interpret(&self.graph, &**weights, &sizes, &values)?;
        let output = self.graph.output().expect("the node's");
        let expected = expected[&output].f32();
        let mut traces = plan.trace(&sizes, &values)?;
        let trace = traces.pop().expect("one step");
        let mut tolerance = Tolerance::step(1, expected);
        let operation = &self.graph.nodes()[0].operation;
        if operation.weighs_in_f16() && variant.kernel.cooperative_matrix.is_some() {
            tolerance = tolerance.with_weights_in_f16(sizes.longest, 2.0);
        }
        let compared = Comparison::new(&tolerance, &trace, expected);
        Ok(compared.failure.is_none().then_some(plan))
    }

    /// Numbers in [-1, 1].
    fn inputs(&self, rows: usize) -> Vec<Data> {
        inputs(&self.graph, &offsets(rows), &sizes(rows))
    }

    /// The best of a few.
    fn time(&self, plan: &Plan, rows: usize) -> Result<Duration> {
        let sizes = sizes(rows);
        let inputs = self.inputs(rows);
        let values: Vec<Value<'_>> = inputs.iter().map(Value::from).collect();
        let mut best = plan.time(&sizes, &values, 1)?.best();
        if best < LONG {
            for _ in 0..3 {
                best = best.min(plan.time(&sizes, &values, 4)?.best());
            }
        }
        Ok(best)
    }
}
