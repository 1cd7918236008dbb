//! What one run writes: slots, inputs, `Params`, and the bind groups over them.

use std::collections::HashMap;

use super::slots::Slot;
use super::{Plan, Step, storage};
use crate::error::Result;
use crate::gpu::{Capabilities, Gpu, ReadBuffer, Resource};
use crate::graph::{Node, TensorId};
use crate::kernel::{Binding, Offer, Storage};

/// The buffers of one run in flight, reused by the next.
#[derive(Debug)]
pub(super) struct Activations {
    pub(super) slots: Vec<Resource>,
    /// One per input of the graph and tensor of rows that kernels bind, in order: [`storage::bound_inputs`].
    pub(super) inputs: Vec<Resource>,
    /// What runs bring beside the inputs, in the order of [`Plan::brought`].
    pub(super) brought: Vec<wgpu::Buffer>,
    /// Every step's `Params`, each at its own aligned offset.
    pub(super) params: wgpu::Buffer,
    /// The distance between two steps' `Params`, in bytes.
    pub(super) params_stride: u64,
    pub(super) steps: Vec<BoundStep>,
    /// Where the result goes for the host to read.
    pub(super) staging: ReadBuffer,
    /// Where an application finds the result that a texture holds; made by the first that asks.
    pub(super) result: Option<wgpu::Buffer>,
}

#[derive(Debug)]
pub(super) struct BoundStep {
    pub(super) tensors: wgpu::BindGroup,
    pub(super) params: wgpu::BindGroup,
}

impl Activations {
    pub(super) fn allocate(plan: &Plan) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let gpu = &plan.gpu;
        let _turn = gpu.turn();
        let slots = plan.slots.slots.iter().enumerate();
        let slots = slots.map(|(number, slot)| create(gpu, &format!("slot {number}"), slot));
        let slots = slots.collect::<Result<Vec<_>>>()?;
        let inputs = storage::bound_inputs(&plan.graph, &plan.storage).map(|(input, kept)| {
            let need = storage::need(&plan.graph, input, kept, &plan.capacity);
            create(gpu, &plan.graph.tensor(input).name, &need)
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let brought = plan.brought().map(|brought| {
            let size = brought.bytes(plan.capacity.tokens);
            gpu.create_buffer("indices or rows", size, Usage::STORAGE | Usage::COPY_DST)
        });
        let brought = brought.collect::<Result<Vec<_>>>()?;
        let offers = plan.steps.iter().map(|step| &step.offer);
        let params_stride = params_stride(offers, gpu.capabilities());
        let params_size = params_stride * plan.steps.len().max(1) as u64;
        let params = gpu.create_buffer("params", params_size, Usage::UNIFORM | Usage::COPY_DST)?;
        let whole = |output| plan.readback(output, &plan.capacity).bytes();
        let result_bytes = plan.graph.output().map_or(0, whole);
        let staging = ReadBuffer::new(gpu, "result", result_bytes)?;

        let mut activations = Self {
            slots,
            inputs,
            brought,
            params,
            params_stride,
            steps: Vec::new(),
            staging,
            result: None,
        };
        activations.steps = gpu.checked("binding buffers", || activations.bind(plan))?;
        Ok(activations)
    }

    /// Where a step's `Params` are, in bytes.
    pub(super) fn params_offset(&self, step: usize) -> u64 {
        step as u64 * self.params_stride
    }

    /// What holds a node's result while it is needed.
    pub(super) fn slot(&self, plan: &Plan, result: TensorId) -> &Resource {
        &self.slots[plan.slots.of_tensor[&result]]
    }

    fn bind(&self, plan: &Plan) -> Vec<BoundStep> {
        let mut activations: HashMap<TensorId, &Resource> =
            storage::bound_inputs(&plan.graph, &plan.storage)
                .zip(&self.inputs)
                .map(|((input, _), resource)| (input, resource))
                .collect();
        activations.extend(
            plan.slots
                .of_tensor
                .iter()
                .map(|(tensor, slot)| (*tensor, &self.slots[*slot])),
        );
        let mut brought = self.brought.iter();
        let mut bind = |(node, step): (&Node, &Step)| {
            let read = |(binding, weights): (&Binding, &Option<Resource>)| match (binding, weights)
            {
                (Binding::Operand(operand), _) => activations[&node.inputs[*operand]].clone(),
                (_, Some(resource)) => resource.clone(),
                (_, None) => {
                    let buffer = brought.next().expect("every other binding was uploaded");
                    Resource::Buffer(buffer.clone())
                }
            };
            let mut bound: Vec<Resource> = step
                .offer
                .largest()
                .bindings
                .iter()
                .zip(&step.weights)
                .map(read)
                .collect();
            bound.push(activations[&node.output].clone());
            self.bind_step(&plan.gpu, step, &bound)
        };
        plan.graph
            .nodes()
            .iter()
            .zip(&plan.steps)
            .map(&mut bind)
            .collect()
    }

    fn bind_step(&self, gpu: &Gpu, step: &Step, tensors: &[Resource]) -> BoundStep {
        let (variant, pipeline) = (step.offer.largest(), &step.pipelines[0]);
        let label = variant.kernel.name;
        let tensors = gpu.bind(label, &pipeline.tensor_layout, tensors);
        let size = wgpu::BufferSize::new(variant.kernel.uniform_size() as u64);
        let params = wgpu::BufferBinding {
            buffer: &self.params,
            offset: 0,
            size,
        };
        let params = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(label),
            layout: &pipeline.params_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(params),
            }],
        });
        BoundStep { tensors, params }
    }
}

fn create(gpu: &Gpu, label: &str, slot: &Slot) -> Result<Resource> {
    match slot.storage {
        Storage::Buffers => {
            use wgpu::BufferUsages as Usage;
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            let size_in_bytes = slot.bytes(&gpu.capabilities().limits);
            let buffer = gpu.create_buffer(label, size_in_bytes, usage)?;
            Ok(Resource::Buffer(buffer))
        }
        Storage::Textures => {
            use wgpu::TextureUsages as Usage;
            let format = wgpu::TextureFormat::Rgba32Float;
            let usage = Usage::STORAGE_BINDING | Usage::COPY_SRC | Usage::COPY_DST;
            let texture = gpu.create_texture(label, slot.texels(), format, usage)?;
            Ok(Resource::texture(texture))
        }
    }
}

/// The distance between the `Params` of two steps, in bytes.
pub(super) fn params_stride<'a>(
    offers: impl IntoIterator<Item = &'a Offer>,
    capabilities: &Capabilities,
) -> u64 {
    let sizes = offers
        .into_iter()
        .map(|offer| offer.largest().kernel.uniform_size() as u64);
    let alignment = capabilities.limits.min_uniform_buffer_offset_alignment;
    sizes.max().unwrap_or(1).next_multiple_of(alignment.into())
}
