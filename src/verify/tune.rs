//! Which variants are fastest on this adapter, for the nodes of a graph.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
use crate::tensor::{Data, Dim, Sizes, Tensor, WeightType};
use crate::tuning::{Bound, Measurements, class, preferred_storage, that_run, ways};

/// The numbers of rows that are timed, in this order: if the time is over early, a batch, a single text and a large batch
/// were first.
const ROWS: [usize; 9] = [128, 16, 1024, 1, 32, 512, 8, 64, 256];

/// How much quicker something else has to be than the built-in choice: times of a few milliseconds differ by a few percent
/// from one run to the next, and a choice that noise makes is another one the next time.
const MARGIN: f64 = 0.05;

/// A run that takes so long is not repeated within a try, and more rows are not timed: they would take as much longer on
/// every variant.
const LONG: Duration = Duration::from_millis(20);

/// One that took so many times as long as the best is not timed for the next more rows.
const HOPELESS: u32 = 5;

/// How often all variants are timed after the first time, in turns.
const TRIES: usize = 2;

/// Of so many rows a variant's result is compared with the reference's: no whole number of tiles.
const CHECKED_ROWS: usize = 37;

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

/// Times every way to run each of these nodes, each verified first, and adds the fastest to `measurements`.
///
/// Every node is measured for one number of rows before any is for another, by turns of operations and types of weights.
/// Before each measurement `go_on` is asked, and told how long the longest took so far; once it says no, what is left
/// stays with the built-in choice, for those numbers of rows too that were not measured. Returns whether nothing is left.
///
/// All that it adds for a node is of one offer, so that the bits stay the same whatever the number of rows: of the built-in
/// one, unless another is 5 % faster over all of them; and within it the built-in variant, unless another is as much faster.
///
/// ```
/// use std::time::{Duration, Instant};
///
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
/// }
/// let start = Instant::now();
/// let go_on = |longest| start.elapsed() + longest < Duration::from_secs(2);
/// let is_complete = tune(&gpu, &tunables, &mut measurements, go_on)?;
/// println!("{} kinds of nodes were measured, all for {is_complete}", measurements.nodes().len());
/// # Ok::<(), wgformer::Error>(())
/// ```
///
/// # Errors
/// As [`Plan::compile`] and [`Plan::run`]. A variant that computes wrongly is no error: it is left out, and the log
/// says so.
pub fn tune(
    gpu: &Gpu,
    tunables: &[Tunable],
    measurements: &mut Measurements,
    go_on: impl FnMut(Duration) -> bool,
) -> Result<bool> {
    let mut trials: Vec<Trial<'_>> = in_turn(tunables).into_iter().map(Trial::of).collect();
    let is_complete = measure(gpu, &mut trials, go_on)?;
    for Trial {
        tunable,
        offers,
        times,
    } in &trials
    {
        if let Some(bounds) = fastest(offers, times) {
            measurements.insert(tunable.class.clone(), &tunable.offers, bounds);
        }
    }
    Ok(is_complete)
}

/// The first of each operation and type of weights, then the second of each, and so on.
fn in_turn(tunables: &[Tunable]) -> Vec<&Tunable> {
    let mut counts = HashMap::new();
    let place = |tunable: &Tunable| {
        let count = counts.entry((tunable.operation(), tunable.weight_type));
        let count = count.or_insert(0);
        *count += 1;
        *count
    };
    let places: Vec<usize> = tunables.iter().map(place).collect();
    let mut placed: Vec<(usize, &Tunable)> = places.into_iter().zip(tunables).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, tunable)| tunable).collect()
}

/// Returns whether nothing is left.
fn measure(
    gpu: &Gpu,
    trials: &mut [Trial<'_>],
    mut go_on: impl FnMut(Duration) -> bool,
) -> Result<bool> {
    let mut longest = Duration::ZERO;
    for rows in ROWS {
        for trial in trials.iter_mut().filter(|trial| trial.wants(rows)) {
            if !go_on(longest) {
                return Ok(false);
            }
            let start = Instant::now();
            trial.measure(gpu, rows)?;
            longest = longest.max(start.elapsed());
        }
    }
    Ok(true)
}

/// What each variant took, by its name.
type OfVariants = BTreeMap<String, Duration>;

/// The same by the number of rows.
type Times = BTreeMap<usize, OfVariants>;

/// What was measured of a node so far.
struct Trial<'a> {
    tunable: &'a Tunable,
    /// What is not known to compute wrongly.
    offers: Vec<Offer>,
    times: Times,
}

impl<'a> Trial<'a> {
    fn of(tunable: &'a Tunable) -> Self {
        Self {
            tunable,
            offers: tunable.offers.clone(),
            times: Times::new(),
        }
    }

    /// Whether so many rows are worth their time.
    fn wants(&self, rows: usize) -> bool {
        let mut fewer = self.times.range(..rows);
        !self.offers.is_empty() && fewer.all(|(_, times)| best(times) <= LONG)
    }

    fn measure(&mut self, gpu: &Gpu, rows: usize) -> Result<()> {
        let weights = Arc::new(self.tunable.weights());
        if self.times.is_empty() {
            self.leave_out_what_computes_wrongly(gpu, &weights)?;
        }
        let mut plans = Vec::new();
        for (name, variant) in variants(&self.offers) {
            if !self.is_hopeless(&name, rows) {
                plans.push((name, self.tunable.plan(gpu, variant, rows, &weights)?));
            }
        }
        if !plans.is_empty() {
            self.times.insert(rows, self.tunable.times(&plans, rows)?);
        }
        Ok(())
    }

    fn leave_out_what_computes_wrongly(
        &mut self,
        gpu: &Gpu,
        weights: &Arc<HashMap<String, Tensor>>,
    ) -> Result<()> {
        let Tunable { class, offers, .. } = self.tunable;
        for (name, variant) in variants(offers) {
            if !self.tunable.is_right(gpu, variant, weights)? {
                log::warn!("{name} computes wrongly for {class}: left out");
                let others = |offer: &Offer| offer.filtered(|it| it.to_string() != name);
                self.offers = self.offers.iter().filter_map(others).collect();
            }
        }
        Ok(())
    }

    /// Whether it was for the next fewer rows; a tile for many is slow for few, and says nothing by that.
    fn is_hopeless(&self, variant: &str, rows: usize) -> bool {
        let fewer = self.times.range(..rows).next_back();
        fewer.is_some_and(|(_, times)| time(times, variant) >= best(times) * HOPELESS)
    }
}

/// Each once: an offer may hold what another has too.
fn variants(offers: &[Offer]) -> BTreeMap<String, &Variant> {
    let variants = offers.iter().flat_map(Offer::variants);
    variants
        .map(|variant| (variant.to_string(), variant))
        .collect()
}

fn best(times: &OfVariants) -> Duration {
    times.values().min().copied().unwrap_or_default()
}

/// What was not timed was hopeless for fewer rows, and is taken for as hopeless.
fn time(times: &OfVariants, variant: &str) -> Duration {
    let hopeless = || best(times) * HOPELESS;
    times.get(variant).copied().unwrap_or_else(hopeless)
}

/// The variants of one offer for every number of rows: the built-in choice, which is the first, but for what is faster by
/// the margin; `None` if nothing was measured.
fn fastest(offers: &[Offer], times: &Times) -> Option<Vec<Bound>> {
    let built_in = offers.first().filter(|_| !times.is_empty())?;
    let costs = offers.iter().map(|offer| (cost(offer, times), offer));
    let (least, other) = costs.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let is_faster = (least - cost(built_in, times)).exp() < 1.0 - MARGIN;
    Some(bounds(if is_faster { other } else { built_in }, times))
}

/// The mean logarithm of its times: a tenth of the time of one row weighs as much as a tenth of that of a thousand.
fn cost(offer: &Offer, times: &Times) -> f64 {
    let of_rows = times.iter().map(|(rows, times)| {
        let runs = chosen(offer, *rows, times).to_string();
        time(times, &runs).as_secs_f64().max(f64::MIN_POSITIVE).ln()
    });
    of_rows.sum::<f64>() / times.len() as f64
}

/// What of an offer should run so many rows.
fn chosen<'a>(offer: &'a Offer, rows: usize, times: &OfVariants) -> &'a Variant {
    let own = own(offer, rows);
    let time = |variant: &Variant| time(times, &variant.to_string());
    let fastest = offer.variants().min_by_key(|variant| time(variant));
    let limit = time(own).mul_f64(1.0 - MARGIN);
    fastest.filter(|it| time(it) < limit).unwrap_or(own)
}

/// What an offer has so many rows run on by itself.
fn own(offer: &Offer, rows: usize) -> &Variant {
    let mut by_rows = offer.bounds().zip(offer.variants());
    let own = by_rows.find(|(most, _)| rows <= *most);
    own.map_or_else(|| offer.largest(), |(_, variant)| variant)
}

/// A measurement speaks for all rows down to the next fewer that could be measured, and the one of the most rows for any
/// more; where there is none, or it changes nothing, the offer's own bounds stay.
fn bounds(offer: &Offer, times: &Times) -> Vec<Bound> {
    let mut bounds = Vec::new();
    let most_measured = times.keys().next_back();
    for (rows, of_variants) in times {
        let below = ROWS.into_iter().filter(|it| it < rows).max().unwrap_or(0);
        extend_by_own(&mut bounds, offer, below);
        let most = if Some(rows) == most_measured {
            usize::MAX
        } else {
            *rows
        };
        let variant = chosen(offer, *rows, of_variants).to_string();
        if variant == own(offer, *rows).to_string() {
            extend_by_own(&mut bounds, offer, most);
        } else {
            extend(&mut bounds, most, variant);
        }
    }
    let bound = |(most, variant)| Bound {
        most_rows: (most < usize::MAX).then_some(most),
        variant,
    };
    bounds.into_iter().map(bound).collect()
}

/// By what an offer has up to so many rows.
fn extend_by_own(bounds: &mut Vec<(usize, String)>, offer: &Offer, rows: usize) {
    for (most, variant) in offer.bounds().zip(offer.variants()) {
        extend(bounds, most.min(rows), variant.to_string());
    }
}

fn extend(bounds: &mut Vec<(usize, String)>, most_rows: usize, variant: String) {
    match bounds.last_mut() {
        Some((most, _)) if *most >= most_rows => {}
        Some((most, last)) if *last == variant => *most = most_rows,
        _ if most_rows == 0 => {}
        _ => bounds.push((most_rows, variant)),
    }
}

/// Tokens of a sequence, if there are so many: what attention costs depends on it.
const LENGTH: usize = 128;

impl Tunable {
    /// What is measured.
    ///
    /// See [`tune()`] for an example.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    fn operation(&self) -> &'static str {
        self.graph.nodes()[0].operation.name()
    }

    /// Lower where more time is to be won.
    fn rank(&self) -> usize {
        let first = ["linear", "attention"];
        first
            .iter()
            .position(|name| self.operation().ends_with(name))
            .unwrap_or(first.len())
    }

    /// Where sequences begin and end, of so many rows: tokens, or sequences where the node has a row for each.
    fn offsets(&self, rows: usize) -> Vec<u32> {
        let inputs = self.graph.nodes()[0].inputs.iter();
        let mut shapes = inputs.map(|id| self.graph.tensor(*id).shape.dims());
        let has_tokens = shapes.any(|dims| dims.contains(&Dim::Tokens));
        let starts = (0..rows).step_by(if has_tokens { LENGTH } else { 1 });
        starts.chain([rows]).map(|end| end as u32).collect()
    }

    fn sizes(&self, rows: usize) -> Sizes {
        Sizes::from_segments(&self.offsets(rows))
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

    /// The node on this variant, for so many rows.
    fn plan(
        &self,
        gpu: &Gpu,
        variant: &Variant,
        rows: usize,
        weights: &Arc<HashMap<String, Tensor>>,
    ) -> Result<Plan> {
        let mut options = PlanOptions::new(self.sizes(rows));
        options.weight_type = self.weight_type;
        let offers = vec![variant.clone().into()];
        let weights = Arc::clone(weights) as _;
        Plan::with_offers(gpu, self.graph.clone(), weights, &options, offers)
    }

    /// Whether a variant computes what the reference does.
    fn is_right(
        &self,
        gpu: &Gpu,
        variant: &Variant,
        weights: &Arc<HashMap<String, Tensor>>,
    ) -> Result<bool> {
        let plan = self.plan(gpu, variant, CHECKED_ROWS, weights)?;
        let sizes = self.sizes(CHECKED_ROWS);
        let mut inputs = self.inputs(CHECKED_ROWS);
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
        Ok(compared.failure.is_none())
    }

    /// Numbers in [-1, 1].
    fn inputs(&self, rows: usize) -> Vec<Data> {
        inputs(&self.graph, &self.offsets(rows), &self.sizes(rows))
    }

    /// The best of a few of each, in turns, so that what else the machine does slows no one of them alone.
    fn times(&self, plans: &[(String, Plan)], rows: usize) -> Result<OfVariants> {
        let sizes = self.sizes(rows);
        let inputs = self.inputs(rows);
        let values: Vec<Value<'_>> = inputs.iter().map(Value::from).collect();
        let time = |plan: &Plan, repeats| Ok(plan.time(&sizes, &values, repeats)?.best());
        let first = plans.iter().map(|(_, plan)| time(plan, 1));
        let mut times = first.collect::<Result<Vec<Duration>>>()?;
        for _ in 0..TRIES {
            let hopeless = times.iter().min().map_or(LONG, |best| *best * HOPELESS);
            for ((_, plan), best) in plans.iter().zip(&mut times) {
                if *best < hopeless {
                    let repeats = if *best < LONG { 4 } else { 1 };
                    *best = time(plan, repeats)?.min(*best);
                }
            }
        }
        let names = plans.iter().map(|(name, _)| name.clone());
        Ok(names.zip(times).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Capabilities, Vendor};

    /// Three kernels or tiles of a layer that an NVIDIA GPU is offered.
    fn three_tiles() -> [Variant; 3] {
        let mut graph = Graph::new();
        let x = graph.input("x", [Dim::Tokens, Dim::Fixed(64)]);
        let weight = graph.parameter("weight", [64, 64]);
        graph.linear(x, weight, None).unwrap();
        let discrete = wgpu::DeviceType::DiscreteGpu;
        let mut info = wgpu::AdapterInfo::new(discrete, wgpu::Backend::Noop);
        let is_nvidia = |(_, vendor): &(u32, Vendor)| *vendor == Vendor::Nvidia;
        info.vendor = Vendor::NUMBERS.into_iter().find(is_nvidia).unwrap().0;
        let (features, limits) = (wgpu::Features::empty(), wgpu::Limits::default());
        let nvidia = Capabilities::new(info, features, limits);
        let node = &graph.nodes()[0];
        let request = Request::of(&graph, node, &nvidia, WeightType::F32);
        let offers = node.operation.offers(&request);
        let mut tiles: Vec<Variant> = variants(&offers).into_values().cloned().collect();
        tiles.truncate(3);
        tiles.try_into().unwrap()
    }

    #[test]
    fn the_built_in_choice_stays_unless_another_is_faster_by_the_margin() {
        let [small, large, other] = three_tiles();
        let by_rows = |most| {
            let by_rows = vec![(most, small.clone()), (usize::MAX, large.clone())];
            vec![Offer::by_rows(Dim::Tokens, by_rows), other.clone().into()]
        };
        let names = [&small, &large, &other].map(ToString::to_string);
        let [small, large, other] = &names;
        let times = |rows: &[usize], of_rows: fn(usize) -> [u64; 3]| -> Times {
            let micros = |rows: usize| of_rows(rows).map(Duration::from_micros);
            let of_names = |rows| names.iter().cloned().zip(micros(rows)).collect();
            rows.iter().map(|rows| (*rows, of_names(*rows))).collect()
        };
        let check = |most, rows: &[usize], of_rows, expected: &[(Option<usize>, &String)]| {
            let times = times(rows, of_rows);
            let found = fastest(&by_rows(most), &times).unwrap();
            let found = found.iter().map(|it| (it.most_rows, &it.variant));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{times:?}");
        };
        let built_in = [(Some(16), small), (None, large)];
        check(16, &ROWS, |_| [1000; 3], &built_in);
        check(16, &ROWS, |_| [1000, 970, 960], &built_in);
        check(16, &ROWS, |_| [970, 1000, 960], &built_in);
        check(16, &ROWS, |_| [1000, 1000, 900], &[(None, other)]);
        check(16, &ROWS, |_| [1000, 900, 1000], &[(None, large)]);
        // A bound between two numbers of rows that are measured stays where it is.
        let between = [(Some(93), small), (None, large)];
        check(93, &ROWS, |_| [1000; 3], &between);
        let small_at_128 = |rows| [if rows == 128 { 900 } else { 1000 }, 1000, 1000];
        let of_128 = [(Some(16), small), (Some(64), large), (Some(128), small)];
        check(
            16,
            &ROWS,
            small_at_128,
            &[&of_128[..], &[(None, large)]].concat(),
        );
        // Of fewer rows than were measured nothing is said.
        check(
            16,
            &[128],
            small_at_128,
            &[&of_128[..2], &[(None, small)]].concat(),
        );
        let large_from_9 = [(Some(8), small), (None, large)];
        check(16, &[16], |_| [1000, 900, 1000], &large_from_9);
        check(16, &[16], |_| [1000; 3], &built_in);
        assert_eq!(fastest(&by_rows(16), &Times::new()), None);
    }
}
