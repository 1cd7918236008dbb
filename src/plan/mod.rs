//! From a [`Graph`] to something that runs: fusion, slots, variants, weights, then record, submit and read back.

mod activations;
mod brought;
mod choose;
mod control;
mod forward;
mod fusion;
mod host_tables;
mod inputs;
mod interpret;
mod loading;
mod memory;
mod options;
mod parameters;
mod pipelines;
mod pool;
mod printout;
mod profiled;
mod readback;
mod recording;
mod rows;
mod run;
mod self_test;
mod shared;
mod slots;
mod speed;
mod storage;
mod texels;
#[cfg(not(target_arch = "wasm32"))] // a browser must not be waited for
mod time;
mod trace;
mod uploads;
mod warm_up;
mod weights;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use control::{Control, Progress};
pub use forward::Forward;
pub use fusion::fuse;
pub use inputs::Value;
pub use interpret::interpret;
pub(crate) use loading::Loading;
pub use memory::Memory;
pub use options::{PlanOptions, SUBMIT_TIME};
pub(crate) use self_test::tested;
pub(crate) use shared::Shared;
pub use slots::{Slot, Slots};
#[cfg(not(target_arch = "wasm32"))]
pub use time::Times;
pub(crate) use trace::{Trace, UNTOUCHED};
pub use weights::Weights;

use brought::Brought;
use choose::{Choice, choose};
use loading::Load;
use parameters::{Parameters, Uploader};
use pool::Pool;
use readback::Readback;
use rows::Rows;
use speed::Speed;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline, Resource};
use crate::graph::{Graph, TensorId, TensorInfo};
use crate::kernel::{Offer, Storage, Variant};
use crate::profile::Track;
use crate::tensor::{Sizes, WeightType};
use crate::tuning::Reason;

/// A compiled graph with its weights on the device; any number of threads may run it.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use wgformer::plan::{Plan, PlanOptions, Value};
/// use wgformer::tensor::{Dim, Sizes, Tensor};
/// use wgformer::{Gpu, Graph};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
/// let weight = graph.parameter("weight", [1, 2]);
/// graph.linear(x, weight, None)?;
/// let weights = HashMap::from([("weight".to_owned(), Tensor::new([1, 2], vec![3.0, 4.0]))]);
///
/// let sizes = Sizes::from_segments(&[0, 2]); // one sequence of two tokens
/// let plan = Plan::compile(&Gpu::new()?, &graph, Arc::new(weights), &PlanOptions::new(sizes))?;
/// println!("{plan}");
/// plan.warm_up()?;
/// let y = plan.run(&sizes, &[Value::F32(&[1.0, 0.0, 1.0, 1.0])])?;
/// assert_eq!(y, [3.0, 7.0]);
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Plan {
    gpu: Gpu,
    graph: Graph,
    capacity: Sizes,
    storage: HashMap<TensorId, Storage>,
    slots: Slots,
    steps: Vec<Step>,
    reasons: Vec<Reason>,
    weight_type: WeightType,
    /// Where the tables lie that are too large for the device, if there are any.
    weights: Option<Arc<dyn Weights>>,
    /// What fills the tensors of [`Source::Rows`](crate::graph::Source::Rows).
    rows: HashMap<TensorId, Rows>,
    /// What its weights and one run take.
    needed: Memory,
    submit_time: Duration,
    speed: Speed,
    pool: Arc<Pool>,
}

/// One dispatch: what runs a node, and the weights it reads.
struct Step {
    offer: Offer,
    /// One per variant of the offer.
    pipelines: Vec<Arc<Pipeline>>,
    /// One per binding of the variants; `None` where an activation fills it, or what a run brings.
    weights: Vec<Option<Resource>>,
    brought: Vec<Brought>,
}

impl Plan {
    /// Fuses `graph`, chooses and compiles its kernels (all at once), and uploads its weights.
    ///
    /// A table of embeddings too large for one binding of the device stays where `weights` has it, and each run brings
    /// the rows that it reads.
    ///
    /// # Errors
    /// [`Error::Limit`] if the device's limits are below `wgpu::Limits::downlevel_defaults`, a tensor is too large for it, or
    /// all of it for the budget; [`Error::NoVariant`] if no kernel for an operation runs here; [`Error::Kernel`] if a shader does not compile; what `weights` says of a missing
    /// or misshapen tensor; [`Error::NotFinite`] if one holds a NaN or an infinity; [`Error::Deadline`]; [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`] or [`Error::Device`] if the driver fails.
    pub fn compile(
        gpu: &Gpu,
        graph: &Graph,
        weights: Arc<dyn Weights>,
        options: &PlanOptions,
    ) -> Result<Self> {
        Self::compile_sharing(&mut Shared::new(gpu), gpu, graph, weights, options)
    }

    /// [`Plan::compile`], on a thread of its own, without blocking this one.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use wgformer::{Gpu, Graph, tensor::{Dim, Sizes, Tensor}};
    /// use wgformer::plan::{Control, Plan, PlanOptions, Value};
    ///
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    /// # let weight = graph.parameter("weight", [1, 2]);
    /// # graph.linear(x, weight, None)?;
    /// # let weights = Arc::new(HashMap::from([("weight".to_owned(), Tensor::new([1, 2], vec![3.0, 4.0]))]));
    /// # let sizes = Sizes::from_segments(&[0, 2]);
    /// # let (gpu, options) = (Gpu::new()?, PlanOptions::new(sizes));
    /// # pollster::block_on(async {
    /// let plan = Plan::compile_async(&gpu, &graph, weights, &options).await?;
    /// plan.warm_up_async().await?;
    /// let values = [Value::F32(&[1.0, 0.0, 1.0, 1.0])];
    /// assert_eq!(plan.run_async(&sizes, &values).await?, [3.0, 7.0]);
    /// let control = Control::new().progress(|progress| println!("{} steps are submitted", progress.done));
    /// assert_eq!(plan.run_with_async(&sizes, &values, control).await?, [3.0, 7.0]);
    /// # Ok::<(), wgformer::Error>(()) })?;
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub async fn compile_async(
        gpu: &Gpu,
        graph: &Graph,
        weights: Arc<dyn Weights>,
        options: &PlanOptions,
    ) -> Result<Self> {
        let (own, graph, options) = (gpu.clone(), graph.clone(), options.clone());
        gpu.off_thread(move || Self::compile(&own, &graph, weights, &options))
            .await
    }

    /// As [`Plan::compile`]: what other plans have on the device of parameters of the same names and shapes, which must
    /// be the same parameters, is not uploaded again, and the budget is for them all.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub(crate) fn compile_sharing(
        shared: &mut Shared,
        gpu: &Gpu,
        graph: &Graph,
        weights: Arc<dyn Weights>,
        options: &PlanOptions,
    ) -> Result<Self> {
        let graph = fuse(graph);
        check_sizes(&graph, &options.capacity)?;
        let choice = choose(gpu, &graph, options)?;
        Self::assemble(gpu, graph, weights, options, choice, shared)
    }

    /// As [`Plan::compile`], of a fused graph on what somebody else chose, one offer per node.
    pub(crate) fn with_offers(
        gpu: &Gpu,
        graph: Graph,
        weights: Arc<dyn Weights>,
        options: &PlanOptions,
        offers: Vec<Offer>,
    ) -> Result<Self> {
        check_sizes(&graph, &options.capacity)?;
        let choice = choose::with_storage(gpu, &graph, options, offers, vec![])?;
        Self::assemble(gpu, graph, weights, options, choice, &mut Shared::new(gpu))
    }

    /// What a plan would take on the device, with one run; nothing is allocated.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions}, tensor::{Dim, Sizes, Tensor}};
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    /// # let weight = graph.parameter("weight", [1, 2]);
    /// # graph.linear(x, weight, None)?;
    /// # let weights = Arc::new(HashMap::from([("weight".to_owned(), Tensor::new([1, 2], vec![3.0, 4.0]))]));
    /// # let sizes = Sizes::from_segments(&[0, 2]);
    /// # let (gpu, options) = (Gpu::new()?, PlanOptions::new(sizes));
    /// let needed = Plan::memory_needed(&gpu, &graph, &options)?;
    /// println!("{} bytes of weights, {} for each run", needed.weights, needed.per_run());
    /// let plan = Plan::compile(&gpu, &graph, weights, &options)?;
    /// assert_eq!(plan.memory().weights, needed.weights);
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Plan::compile`], without what concerns weights and the budget.
    pub fn memory_needed(gpu: &Gpu, graph: &Graph, options: &PlanOptions) -> Result<Memory> {
        let graph = fuse(graph);
        check_sizes(&graph, &options.capacity)?;
        let choice = choose(gpu, &graph, options)?;
        let slots = slots(&graph, &choice, &options.capacity);
        let capabilities = gpu.capabilities();
        Ok(memory::needed(
            capabilities,
            &graph,
            &choice,
            &memory::parameters(capabilities, &graph, &choice.offers),
            &slots,
            &options.capacity,
        ))
    }

    fn assemble(
        gpu: &Gpu,
        graph: Graph,
        weights: Arc<dyn Weights>,
        options: &PlanOptions,
        choice: Choice,
        shared: &mut Shared,
    ) -> Result<Self> {
        let (capacity, capabilities) = (options.capacity, gpu.capabilities());
        let slots = slots(&graph, &choice, &capacity);
        let parameters = memory::parameters(capabilities, &graph, &choice.offers);
        let needed = memory::needed(
            capabilities,
            &graph,
            &choice,
            &parameters,
            &slots,
            &capacity,
        );
        let load = Load::start(&options.loading, needed.weights);
        let others = shared.bytes_beside(&parameters, &capabilities.limits);
        let room = memory::room(options.memory_budget, others, &needed, &capacity)?;
        let Choice {
            offers,
            reasons,
            storage,
        } = choice;
        let rows = rows(&graph, &storage, &*weights)?;
        let pipelines = gpu.measure(Track::Compile, "pipelines", || {
            pipelines::compile(gpu, &offers, &load)
        })?;
        shared.room.set_limit(room);
        let left = shared.room.left();
        let mut uploader = Uploader::new(gpu, &*weights, &shared.uploaded, left, load);
        let (steps, uploaded) = gpu.measure(Track::Weights, "weights", || {
            let steps = steps(&mut uploader, &graph, offers, pipelines);
            (steps, uploader.finish())
        });
        gpu.settle(); // a driver that still compiles when the process ends may crash it
        gpu.save_pipelines();
        let (steps, uploaded) = (steps?, uploaded?);
        shared.uploaded.extend(uploaded);
        let mut brought = steps.iter().flat_map(|step| &step.brought);
        let weights = brought.any(Brought::needs_weights).then_some(weights);
        Ok(Self {
            gpu: gpu.clone(),
            capacity,
            weight_type: options.weight_type,
            submit_time: options.submit_time,
            speed: Speed::guessed(capabilities),
            pool: Pool::new(&shared.room, needed.per_run()),
            graph,
            storage,
            slots,
            steps,
            reasons,
            weights,
            rows,
            needed,
        })
    }

    /// The fused graph that runs.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions}, tensor::{Dim, Sizes, Tensor}};
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(2)]);
    /// # let weight = graph.parameter("weight", [1, 2]);
    /// # graph.linear(x, weight, None)?;
    /// # let weights = Arc::new(HashMap::from([("weight".to_owned(), Tensor::new([1, 2], vec![3.0, 4.0]))]));
    /// # let sizes = Sizes::from_segments(&[0, 2]);
    /// # let (gpu, options) = (Gpu::new()?, PlanOptions::new(sizes));
    /// let plan = Plan::compile(&gpu, &graph, weights, &options)?;
    /// println!("{} with {} weights, on {}", plan.graph(), plan.weight_type(), plan.gpu().capabilities());
    /// assert_eq!((plan.graph().nodes().len(), plan.capacity()), (1, &sizes));
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The most that one run may hold.
    ///
    /// See [`Plan::graph`] for an example.
    #[must_use]
    pub fn capacity(&self) -> &Sizes {
        &self.capacity
    }

    /// The device it runs on.
    ///
    /// See [`Plan::graph`] for an example.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// What it takes on the device now: its weights, and what runs have allocated.
    ///
    /// See [`Plan::memory_needed`] for an example.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            runs: self.pool.made(),
            ..self.needed
        }
    }

    /// How its weight matrices are stored.
    ///
    /// See [`Plan::graph`] for an example.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// What each run brings beside its inputs, step by step.
    fn brought(&self) -> impl Iterator<Item = &Brought> {
        self.steps.iter().flat_map(|step| &step.brought)
    }

    /// Which of the graph's inputs this is.
    fn place_of(&self, input: TensorId) -> usize {
        let mut inputs = self.graph.inputs().iter();
        let place = inputs.position(|other| *other == input);
        place.expect("it is one of the inputs")
    }

    /// How a node's result is read in a run of `sizes`.
    fn readback(&self, result: TensorId, sizes: &Sizes) -> Readback {
        Readback::of(&self.graph, result, self.storage[&result], sizes)
    }

    /// What runs each node, one dispatch each, in a run of `sizes`.
    ///
    /// See [`Reason`] for an example.
    pub fn variants(&self, sizes: &Sizes) -> impl ExactSizeIterator<Item = &Variant> {
        self.steps.iter().map(|step| step.at(sizes))
    }

    /// Why each node runs on that.
    ///
    /// See [`Reason`] for an example.
    pub fn reasons(&self) -> impl ExactSizeIterator<Item = &Reason> {
        self.reasons.iter()
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let _turn = self.gpu.turn();
        self.steps.clear();
    }
}

impl Step {
    /// What runs it in a run of `sizes`.
    fn at(&self, sizes: &Sizes) -> &Variant {
        let mut variants = self.offer.variants();
        let place = self.offer.place(sizes);
        variants.nth(place).expect("a place of this offer")
    }
}

fn slots(graph: &Graph, choice: &Choice, capacity: &Sizes) -> Slots {
    Slots::assign(graph, |tensor| {
        storage::need(graph, tensor, choice.storage[&tensor], capacity)
    })
}

/// Of the tensors that runs bring rows for, what they bring.
fn rows(
    graph: &Graph,
    storage: &HashMap<TensorId, Storage>,
    weights: &dyn Weights,
) -> Result<HashMap<TensorId, Rows>> {
    let mut rows = HashMap::new();
    for tensor in graph.brought_rows().filter(|it| storage.contains_key(it)) {
        rows.extend(Rows::of(graph, tensor, weights)?.map(|it| (tensor, it)));
    }
    Ok(rows)
}

/// Every step with its weights on the device.
fn steps(
    uploader: &mut Uploader<'_>,
    graph: &Graph,
    offers: Vec<Offer>,
    pipelines: Vec<Vec<Arc<Pipeline>>>,
) -> Result<Vec<Step>> {
    let capabilities = uploader.gpu.capabilities();
    let mut steps = Vec::with_capacity(offers.len());
    for ((node, offer), pipelines) in graph.nodes().iter().zip(offers).zip(pipelines) {
        let parameters = Parameters::of_node(graph, node, &offer, capabilities).into_iter();
        let resources = parameters.map(|it| it.map(|it| uploader.resource(it)).transpose());
        let weights = resources.collect::<Result<_>>()?;
        steps.push(Step {
            brought: Brought::of_node(graph, node, &offer, capabilities),
            offer,
            pipelines,
            weights,
        });
    }
    Ok(steps)
}

/// Every index of a kernel is a `u32`.
fn check_sizes(graph: &Graph, capacity: &Sizes) -> Result<()> {
    let too_large = |tensor: &&TensorInfo| tensor.shape.checked_elements(capacity).is_none();
    match graph.tensors().iter().find(too_large) {
        None => Ok(()),
        Some(tensor) => Err(Error::Limit {
            thing: format!("{} {} at {capacity:?}", tensor.name, tensor.shape),
            needed: tensor.shape.elements_or_max(capacity),
            allowed: u32::MAX.into(),
            unit: "elements",
            advice: "use a smaller token budget",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Dim, Tensor};

    #[test]
    fn what_another_plan_has_on_the_device_is_not_brought_again() {
        let gpu = Gpu::new().unwrap();
        let mut graph = Graph::new();
        let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
        let weight = graph.parameter("weight", [4, 8]);
        graph.linear(x, weight, None).unwrap();
        let weights = HashMap::from([("weight".to_owned(), Tensor::new([4, 8], vec![0.5; 32]))]);
        let sizes = Sizes {
            tokens: 1,
            sequences: 1,
            longest: 1,
        };
        let options = PlanOptions::new(sizes);
        let mut shared = Shared::new(&gpu);
        let mut compile = |weights| {
            Plan::compile_sharing(&mut shared, &gpu, &graph, Arc::new(weights), &options).unwrap()
        };
        let (first, second) = (compile(weights), compile(HashMap::new()));
        assert_eq!(
            shared.bytes(&gpu.capabilities().limits),
            first.memory().weights
        );
        drop(first);
        let y = second.run(&sizes, &[Value::F32(&[1.0; 8])]).unwrap();
        assert_eq!(y, [4.0; 4]);
        let nowhere = Arc::new(HashMap::<String, Tensor>::new());
        let alone = Plan::compile(&gpu, &graph, nowhere, &options);
        assert!(matches!(alone, Err(Error::TensorMissing { .. })));
    }
}
