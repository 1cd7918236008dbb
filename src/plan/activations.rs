//! What one run writes: slots, inputs, `Params`, and the bind groups over them.

use std::collections::HashMap;

use super::{Plan, Step};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::graph::TensorId;
use crate::kernel::Binding;

/// The buffers of one run in flight, reused by the next.
pub(super) struct Activations {
    pub(super) slots: Vec<wgpu::Buffer>,
    /// One per input of the graph, in order.
    pub(super) inputs: Vec<wgpu::Buffer>,
    /// Every step's `Params`, each at its own aligned offset.
    pub(super) params: wgpu::Buffer,
    /// The distance between two steps' `Params`, in bytes.
    pub(super) params_stride: u64,
    pub(super) steps: Vec<BoundStep>,
    /// Where the result goes for the host to read.
    pub(super) staging: wgpu::Buffer,
}

pub(super) struct BoundStep {
    pub(super) storage: wgpu::BindGroup,
    pub(super) params: wgpu::BindGroup,
}

/// No kernel's `Params` is larger, in bytes.
const MAX_PARAMS: u64 = 64;

impl Activations {
    pub(super) fn allocate(plan: &Plan) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let gpu = &plan.gpu;
        let slots = (0..).zip(&plan.slots.sizes).map(|(slot, elements): (usize, _)| {
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            gpu.create_buffer(&format!("slot {slot}"), size_in_bytes(*elements), usage)
        });
        let slots = slots.collect::<Result<Vec<_>>>()?;
        let inputs = plan.graph.inputs().iter().map(|id| {
            let input = plan.graph.tensor(*id);
            let size = size_in_bytes(input.shape.elements(&plan.capacity));
            gpu.create_buffer(&input.name, size, Usage::STORAGE | Usage::COPY_DST)
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let alignment = u64::from(gpu.capabilities().limits.min_uniform_buffer_offset_alignment);
        let params_stride = MAX_PARAMS.next_multiple_of(alignment);
        let params_size = params_stride * plan.steps.len().max(1) as u64;
        let params = gpu.create_buffer("params", params_size, Usage::UNIFORM | Usage::COPY_DST)?;
        let result = plan.graph.output().map_or(0, |output| plan.graph.tensor(output).shape.elements(&plan.capacity));
        let staging = gpu.create_buffer("result", size_in_bytes(result), Usage::MAP_READ | Usage::COPY_DST)?;

        let mut activations = Self { slots, inputs, params, params_stride, steps: Vec::new(), staging };
        activations.steps = gpu.checked("binding buffers", || activations.bind(plan))?;
        Ok(activations)
    }

    fn bind(&self, plan: &Plan) -> Vec<BoundStep> {
        let mut buffers: HashMap<TensorId, &wgpu::Buffer> =
            plan.graph.inputs().iter().copied().zip(&self.inputs).collect();
        buffers.extend(plan.slots.of_tensor.iter().map(|(tensor, slot)| (*tensor, &self.slots[*slot])));
        let bind = |(node, step): (&crate::graph::Node, &Step)| {
            let read = |(binding, weights): (&Binding, &Option<wgpu::Buffer>)| match (binding, weights) {
                (Binding::Operand(operand), _) => buffers[&node.inputs[*operand]].clone(),
                (_, Some(buffer)) => buffer.clone(),
                (_, None) => unreachable!("every other binding was uploaded when the plan was compiled"),
            };
            let mut bound: Vec<wgpu::Buffer> = step.variant.bindings.iter().zip(&step.weights).map(read).collect();
            bound.push(buffers[&node.output].clone());
            self.bind_step(&plan.gpu, step, &bound)
        };
        plan.graph.nodes().iter().zip(&plan.steps).map(bind).collect()
    }

    fn bind_step(&self, gpu: &Gpu, step: &Step, buffers: &[wgpu::Buffer]) -> BoundStep {
        let label = Some(step.variant.kernel.name);
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let storage = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label,
            layout: &step.pipeline.storage_layout,
            entries: &entries,
        });
        let size = wgpu::BufferSize::new(step.variant.kernel.params_size as u64);
        let params = wgpu::BufferBinding { buffer: &self.params, offset: 0, size };
        let params = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label,
            layout: &step.pipeline.params_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(params) }],
        });
        BoundStep { storage, params }
    }
}

/// At least one vec4, which a binding of vectors needs.
fn size_in_bytes(elements: usize) -> u64 {
    (4 * elements as u64).next_multiple_of(16).max(16)
}
