//! From a [`Graph`] to something that runs: fusion, slots, variants, weights, then record, submit and read back.

mod activations;
mod fusion;
mod inputs;
mod interpret;
mod readback;
mod run;
mod slots;
mod storage;
mod texels;
mod weights;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

pub use fusion::fuse;
pub use inputs::Value;
pub use interpret::interpret;
pub use slots::{Slot, Slots};
pub use weights::Weights;

use activations::Activations;
use weights::Uploader;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline, Resource};
use crate::graph::{Graph, Node, Request, Source, TensorId};
use crate::kernel::{Storage, Variant};
use crate::tensor::{DType, Sizes};
use crate::tuning::{self, Selection};

/// How a graph is compiled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanOptions {
    /// The most that one run may hold.
    pub capacity: Sizes,
    /// How weight matrices are stored: [`DType::F32`] or [`DType::F16`]. Everything else is f32.
    pub weight_dtype: DType,
    /// How variants are chosen.
    pub selection: Selection,
    /// What activations are kept in; `None` chooses by the adapter.
    pub storage: Option<Storage>,
}

impl PlanOptions {
    /// f32 weights and the built-in table, for runs of at most `capacity`.
    #[must_use]
    pub fn new(capacity: Sizes) -> Self {
        Self {
            capacity,
            weight_dtype: DType::F32,
            selection: Selection::Table,
            storage: None,
        }
    }
}

/// A compiled graph with its weights on the device; any number of threads may run it.
pub struct Plan {
    gpu: Gpu,
    graph: Graph,
    capacity: Sizes,
    storage: HashMap<TensorId, Storage>,
    slots: Slots,
    steps: Vec<Step>,
    weight_dtype: DType,
    weight_bytes: u64,
    idle: Mutex<Vec<Activations>>,
}

/// One dispatch: a node, the variant that runs it, and the weights it reads.
struct Step {
    variant: Variant,
    pipeline: Arc<Pipeline>,
    /// One per binding of the variant; `None` where an activation fills it.
    weights: Vec<Option<Resource>>,
}

impl Plan {
    /// Fuses `graph`, chooses and compiles its kernels (all at once), and uploads its weights.
    ///
    /// # Errors
    /// [`Error::Limit`] if a tensor is too large for the device; [`Error::Kernel`] if a shader does not compile;
    /// what `weights` says of a missing or misshapen tensor; [`Error::NotFinite`] if one holds a NaN.
    pub fn compile(
        gpu: &Gpu,
        graph: &Graph,
        weights: &dyn Weights,
        options: &PlanOptions,
    ) -> Result<Self> {
        let graph = fuse(graph);
        let (variants, storage) = choose_all(gpu, &graph, options)?;
        let slots = Slots::assign(&graph, |tensor| {
            storage::slot(&graph, tensor, storage[&tensor], &options.capacity)
        });
        let pipelines = compile_all(gpu, &variants)?;
        let small = HashMap::new();
        let mut uploader = Uploader {
            gpu,
            graph: &graph,
            weights,
            dtype: options.weight_dtype,
            small,
            bytes: 0,
        };
        let mut steps = Vec::with_capacity(variants.len());
        for ((node, variant), pipeline) in graph.nodes().iter().zip(variants).zip(pipelines) {
            let bindings = variant.bindings.iter().zip(variant.kernel.bindings);
            let resources =
                bindings.map(|(binding, access)| uploader.resource(node, binding, *access));
            let weights = resources.collect::<Result<_>>()?;
            steps.push(Step {
                variant,
                pipeline,
                weights,
            });
        }
        let weight_bytes = uploader.bytes;
        Ok(Self {
            gpu: gpu.clone(),
            capacity: options.capacity,
            weight_dtype: options.weight_dtype,
            idle: Mutex::new(Vec::new()),
            graph,
            storage,
            slots,
            steps,
            weight_bytes,
        })
    }

    /// The fused graph that runs.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The most that one run may hold.
    #[must_use]
    pub fn capacity(&self) -> &Sizes {
        &self.capacity
    }

    /// The device it runs on.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The bytes that its weights take on the device.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// The bytes that the slots of one run take on the device.
    #[must_use]
    pub fn activation_bytes(&self) -> u64 {
        4 * self.slots.slots.iter().map(Slot::elements).sum::<usize>() as u64
    }

    /// The names of the kernels, one per dispatch.
    pub fn kernels(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().map(|step| step.variant.kernel.name)
    }
}

/// A kernel for every node, and where each tensor is kept. A graph is on textures as a whole or not at all.
fn choose_all(
    gpu: &Gpu,
    graph: &Graph,
    options: &PlanOptions,
) -> Result<(Vec<Variant>, HashMap<TensorId, Storage>)> {
    let capabilities = gpu.capabilities();
    let wanted = options
        .storage
        .unwrap_or_else(|| tuning::storage(capabilities));
    if wanted == Storage::Textures {
        let chosen = choose_on(Storage::Textures, gpu, graph, options);
        let largest = capabilities.limits.max_texture_dimension_2d as usize;
        let fits = |storage: &HashMap<TensorId, Storage>| {
            storage
                .iter()
                .filter(|(_, storage)| **storage == Storage::Textures)
                .all(|(tensor, storage)| {
                    let [width, height] =
                        storage::slot(graph, *tensor, *storage, &options.capacity).extent;
                    width % 4 == 0 && width / 4 <= largest && height <= largest
                })
        };
        match chosen {
            Ok(chosen) if fits(&chosen.1) => return Ok(chosen),
            Err(error) if options.storage.is_some() => return Err(error),
            _ => log::info!(
                "a kernel or a tensor of this graph does not suit textures: it runs on buffers"
            ),
        }
    }
    choose_on(Storage::Buffers, gpu, graph, options)
}

fn choose_on(
    storage: Storage,
    gpu: &Gpu,
    graph: &Graph,
    options: &PlanOptions,
) -> Result<(Vec<Variant>, HashMap<TensorId, Storage>)> {
    let variants = graph
        .nodes()
        .iter()
        .map(|node| choose(storage, gpu, graph, node, options));
    let variants = variants.collect::<Result<Vec<_>>>()?;
    let of_tensors = storage::of_tensors(graph, &variants).ok_or_else(|| Error::NoVariant {
        operation: "the graph".to_owned(),
        shape: format!("all tensors on {storage:?}"),
        adapter: gpu.capabilities().info.name.clone(),
    })?;
    Ok((variants, of_tensors))
}

fn choose(
    storage: Storage,
    gpu: &Gpu,
    graph: &Graph,
    node: &Node,
    options: &PlanOptions,
) -> Result<Variant> {
    let operands: Vec<_> = node
        .inputs
        .iter()
        .map(|input| graph.tensor(*input))
        .collect();
    let shape = operands
        .iter()
        .map(|operand| operand.shape.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let capabilities = gpu.capabilities();
    let request = Request {
        capabilities,
        operands,
        weight_dtype: options.weight_dtype,
    };
    let candidates = node.operation.variants(&request);
    options
        .selection
        .choose(candidates, storage, capabilities)
        .ok_or_else(|| Error::NoVariant {
            operation: format!("{:?}", node.operation),
            shape: format!("{shape} on {storage:?}"),
            adapter: capabilities.info.name.clone(),
        })
}

/// Compiles what is not compiled yet, each on a thread of its own: drivers take 5 to 1,000 ms for one.
fn compile_all(gpu: &Gpu, variants: &[Variant]) -> Result<Vec<Arc<Pipeline>>> {
    // A GL context belongs to one thread at a time, and wgpu panics in those that wait for it too long.
    if gpu.capabilities().info.backend != wgpu::Backend::Gl {
        compile_in_parallel(gpu, variants)?;
    }
    let pipeline = |variant: &Variant| gpu.pipeline(variant.kernel, &variant.constants);
    variants.iter().map(pipeline).collect()
}

fn compile_in_parallel(gpu: &Gpu, variants: &[Variant]) -> Result<()> {
    let mut distinct: Vec<&Variant> = Vec::new();
    for variant in variants {
        if !distinct
            .iter()
            .any(|other| is_same_pipeline(other, variant))
        {
            distinct.push(variant);
        }
    }
    std::thread::scope(|scope| {
        let compile =
            |variant: &Variant| gpu.pipeline(variant.kernel, &variant.constants).map(drop);
        let start = |variant| scope.spawn(move || compile(variant));
        let threads: Vec<_> = distinct.into_iter().map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().try_for_each(join)
    })
}

fn is_same_pipeline(a: &Variant, b: &Variant) -> bool {
    a.kernel.name == b.kernel.name && a.constants == b.constants
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("steps", &self.steps.len())
            .field("capacity", &self.capacity)
            .finish()
    }
}

impl fmt::Display for Plan {
    /// One line per dispatch at full capacity: what is read and written, where, by which kernel and how many workgroups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_reuse: usize = self
            .slots
            .of_tensor
            .keys()
            .map(|tensor| self.graph.tensor(*tensor).shape.elements(&self.capacity))
            .sum();
        writeln!(
            f,
            "plan: {} steps, {} weights, {} slots, {:.1} MiB activations ({:.1} MiB without reuse), at most {} tokens",
            self.steps.len(),
            self.weight_dtype,
            self.slots.slots.len(),
            mebibytes(self.activation_bytes()),
            mebibytes(4 * without_reuse as u64),
            self.capacity.tokens,
        )?;
        for (index, (node, step)) in self.graph.nodes().iter().zip(&self.steps).enumerate() {
            let place = |tensor| match self.slots.of_tensor.get(tensor) {
                Some(slot) => format!("slot {slot}"),
                None => self.graph.tensor(*tensor).name.clone(),
            };
            let reads: Vec<String> = node
                .inputs
                .iter()
                .filter(|input| self.graph.tensor(**input).source != Source::Parameter)
                .map(place)
                .collect();
            let dispatch = (step.variant.dispatch)(&self.capacity);
            writeln!(
                f,
                "{index:4} {:18} {} -> {} {}  {} workgroups",
                step.variant.kernel.name,
                reads.join(", "),
                place(&node.output),
                self.graph.tensor(node.output).shape,
                dispatch.workgroups,
            )?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
