//! A run step by step, so that each result can be looked at before its slot is used again.

use super::activations::Activations;
use super::recording::Recording;
use super::slots::Slot;
use super::{Plan, Value, storage};
use crate::error::Result;
use crate::gpu::{ReadBuffer, Resource};
use crate::tensor::{DType, Sizes};

/// What slots hold before a step: a NaN that no computation makes.
pub(crate) const UNTOUCHED: f32 = f32::from_bits(0x7fc0_5afe);

/// What one step wrote.
pub(crate) struct Trace {
    /// Its node's result, f32, row-major.
    pub(crate) result: Vec<f32>,
    /// What lies beyond the result in its slot, up to the plan's capacity: [`UNTOUCHED`], or the kernel wrote
    /// where it should not.
    pub(crate) guard: Vec<f32>,
}

impl Plan {
    /// As [`Plan::run`], but every step is a submit of its own, its dispatch split in two, after which its result is read
    /// back. Every slot holds [`UNTOUCHED`], and what lies beyond each input another NaN, before the run, and each
    /// result's slot does again before its step.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub(crate) fn trace(&self, sizes: &Sizes, values: &[Value<'_>]) -> Result<Vec<Trace>> {
        let mut recording = Recording::at_once(self, sizes, values)?;
        let activations = recording.activations();
        self.poison_inputs(activations)?;
        (0..activations.slots.len()).try_for_each(|slot| self.poison(activations, slot))?;
        (0..self.steps.len())
            .map(|step| self.trace_step(&mut recording, step))
            .collect()
    }

    fn trace_step(&self, recording: &mut Recording, step: usize) -> Result<Trace> {
        let output = self.graph.nodes()[step].output;
        let whole = self.readback(output, &self.capacity);
        let staging = ReadBuffer::new(&self.gpu, "traced result", whole.bytes())?;
        let mut staging = self.gpu.in_turn(staging);
        let parts = recording.first_and_rest(self)?;
        self.poison(recording.activations(), self.slots.of_tensor[&output])?;
        self.gpu.checked("running one step", || {
            let mut encoder = self.encoder();
            for part in &parts {
                recording.record(self, &mut encoder, part);
            }
            let slot = recording.activations().slot(self, output);
            whole.record(&mut encoder, slot, staging.buffer());
            self.gpu.queue().submit([encoder.finish()])
        })?;
        let bytes = self.gpu.block_on(staging.read(&self.gpu, whole.bytes()))?;
        let mut values = whole.values(&bytes);
        let readback = self.readback(output, &recording.sizes);
        let guard = values.split_off(readback.elements());
        Ok(Trace {
            result: readback.to_tensor(values),
            guard,
        })
    }

    /// Ids and offsets stay: as one of them a NaN would be an index past the end of something.
    fn poison_inputs(&self, activations: &Activations) -> Result<()> {
        let inputs = storage::bound_inputs(&self.graph, &self.storage).zip(&activations.inputs);
        for ((input, kept), resource) in inputs {
            if self.graph.tensor(input).dtype == DType::F32 {
                let need = storage::need(&self.graph, input, kept, &self.capacity);
                self.fill(f32::NAN, resource, &need)?;
            }
        }
        Ok(())
    }

    fn poison(&self, activations: &Activations, slot: usize) -> Result<()> {
        self.fill(UNTOUCHED, &activations.slots[slot], &self.slots.slots[slot])
    }

    fn fill(&self, value: f32, resource: &Resource, slot: &Slot) -> Result<()> {
        let values = vec![value; slot.elements()];
        let bytes = bytemuck::cast_slice(&values);
        match resource {
            Resource::Buffer(buffer) => self.gpu.fill_buffer(buffer, 0, bytes),
            Resource::Texture(texture, _) => {
                let [width, _] = slot.texels();
                self.gpu.fill_rows(texture, 0, width, bytes)
            }
        }
    }
}
