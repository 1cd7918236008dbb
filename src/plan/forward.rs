//! A run on somebody else's encoders, for an application that has GPU work of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::activations::Activations;
use super::pool::Lease;
use super::recording::Recording;
use super::texels::Texels;
use super::{Plan, Value};
use crate::error::{Error, Result};
use crate::gpu::{Resource, TEXEL_BYTES, extent};
use crate::graph::TensorId;
use crate::tensor::Sizes;

/// One run, recorded piece by piece into the command encoders of whoever owns the device.
///
/// Everything is checked when it begins. Its inputs travel by copies in the first encoder, so several of these may be
/// under way and share a submit. The encoders must be submitted in the order in which they were recorded to.
///
/// ```
/// # use std::time::Duration;
/// # use wgformer::models::{Batch, Head, Model};
/// # let (gpu, folder) = (wgformer::Gpu::new()?, "tests/data/tiny/plain");
/// # let model = Model::load(&gpu, folder.as_ref(), Head::HiddenStates, 512, &Default::default())?;
/// # let mut batch = Batch::new(); // `Embedder::batch` makes one of texts
/// # batch.push(&[2, 7, 3], &[0, 0, 0]);
/// let mut forward = model.begin(&batch)?;
/// while !forward.is_done() {
///     let mut encoder = gpu.device().create_command_encoder(&Default::default());
///     forward.record(&mut encoder, Duration::from_millis(4))?;
///     gpu.queue().submit([encoder.finish()]);
///     println!("about {:?} left", forward.time_left());
/// }
/// let result: &wgpu::Buffer = forward.output();
/// assert_eq!(forward.shape(), [3, model.hidden()]);
/// # let _ = result;
/// # Ok::<(), wgformer::Error>(())
/// ```
pub struct Forward {
    plan: Arc<Plan>,
    recording: Recording,
    result: wgpu::Buffer,
    /// Also with the encoders that it was recorded to, until the device is through with them.
    memory: Arc<Held>,
}

impl Plan {
    /// Begins a run that the caller records: [`Forward`].
    ///
    /// `values`: the graph's inputs, in order. It never waits for other runs: without a memory budget, each has memory of
    /// its own until the device is through with it.
    ///
    /// See [`Forward`] for an example.
    ///
    /// # Errors
    /// [`Error::Input`] if the inputs do not fit the graph or its capacity, or it has no result; [`Error::Limit`] if the
    /// memory budget has no room for it beside those that are under way; else as [`Plan::run`].
    pub fn begin(self: &Arc<Self>, sizes: &Sizes, values: &[Value<'_>]) -> Result<Forward> {
        let Some(output) = self.graph.output() else {
            return Err(Error::Input {
                name: "graph".to_owned(),
                message: "has no node, and so no result".to_owned(),
            });
        };
        let mut recording = Recording::at_once(self, sizes, values)?;
        let result = self.result_buffer(recording.activations_mut(), output)?;
        Ok(Forward {
            plan: Arc::clone(self),
            recording,
            result,
            memory: Arc::default(),
        })
    }

    /// The slot of the result where that is a buffer, else one of its own that the slot is copied to.
    fn result_buffer(
        &self,
        activations: &mut Activations,
        output: TensorId,
    ) -> Result<wgpu::Buffer> {
        if let Resource::Buffer(buffer) = activations.slot(self, output) {
            return Ok(buffer.clone());
        }
        if let Some(buffer) = &activations.result {
            return Ok(buffer.clone());
        }
        use wgpu::BufferUsages as Usage;
        let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let size = 4 * self.graph.tensor(output).shape.elements(&self.capacity) as u64;
        let buffer = self.gpu.create_buffer("result", size.max(16), usage)?;
        activations.result = Some(buffer.clone());
        Ok(buffer)
    }
}

impl Forward {
    /// Whether every step is recorded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.recording.is_done()
    }

    /// How long the steps that are not recorded yet will take, by what runs of this plan took that the engine submitted
    /// itself ([`Plan::run`]); before the first of them, a careful guess.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.plan.speed.time(self.recording.work_left())
    }

    /// Records as many dispatches as are estimated to take no longer than `budget`, by what [`Plan::warm_up`] and other
    /// runs of the engine's own took; before the first of them by a careful guess, which makes many small pieces. Where
    /// already the next one takes longer, it is split, but not into parts below a millisecond.
    ///
    /// # Errors
    /// [`Error::Input`] if it is done; [`Error::OutOfMemory`], or [`Error::DeviceLost`] where a part of a dispatch needs a
    /// buffer: what else is recorded for a device that is lost, its submit refuses.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, budget: Duration) -> Result<()> {
        let recording = &mut self.recording;
        if recording.is_done() {
            return Err(Error::Input {
                name: "forward".to_owned(),
                message: "every step is recorded already; begin another one".to_owned(),
            });
        }
        let piece = recording.next_piece(&self.plan, budget, usize::MAX)?;
        recording.record(&self.plan, encoder, &piece);
        if recording.is_done() {
            self.copy_result(encoder);
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            let memory = Arc::clone(&self.memory);
            encoder.on_submitted_work_done(move || drop(memory));
        }
        Ok(())
    }

    /// The result: f32, row-major, [`Forward::shape`]; what lies beyond it in the buffer is undefined.
    ///
    /// It is there for commands that come after the last that was recorded, until this `Forward` is dropped. It can be
    /// bound as storage and copied from.
    #[must_use]
    pub fn output(&self) -> &wgpu::Buffer {
        &self.result
    }

    /// The axes of the result, slowest first.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        let shape = &self.plan.graph.tensor(self.output_id()).shape;
        shape.resolve(&self.recording.sizes)
    }

    fn output_id(&self) -> TensorId {
        self.plan.graph.output().expect("checked by `Plan::begin`")
    }

    /// From a texture to the buffer, row by row where rows are no multiple of what one copy wants.
    fn copy_result(&self, encoder: &mut wgpu::CommandEncoder) {
        let (recording, output) = (&self.recording, self.output_id());
        let Resource::Texture(texture, _) = recording.activations().slot(&self.plan, output) else {
            return;
        };
        let shape = &self.plan.graph.tensor(output).shape;
        let Texels { outer, rows, inner } = Texels::of(shape, &recording.sizes);
        let (row_bytes, width) = (4 * inner, 4 * inner / TEXEL_BYTES as usize);
        let at_once = if row_bytes % wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize == 0 {
            rows
        } else {
            1
        };
        for part in 0..outer {
            for first in (0..rows).step_by(at_once.max(1)) {
                let mut from = texture.as_image_copy();
                (from.origin.x, from.origin.y) = ((part * width) as u32, first as u32);
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: ((part * rows + first) * row_bytes) as u64,
                    bytes_per_row: (at_once > 1).then_some(row_bytes as u32),
                    rows_per_image: None,
                };
                let into = wgpu::TexelCopyBufferInfo {
                    buffer: &self.result,
                    layout,
                };
                encoder.copy_texture_to_buffer(from, into, extent(width, at_once));
            }
        }
    }
}

/// The memory of a run that is over for its [`Forward`]: it is the next run's when this is dropped, by the device that is
/// through with the last of its encoders, or with an encoder that nobody submits.
#[derive(Default)]
struct Held(Mutex<Option<Lease>>);

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward")
            .field("shape", &self.shape())
            .field("is_done", &self.is_done())
            .finish()
    }
}

impl Drop for Forward {
    /// What it recorded may not even be submitted yet: until it is over, no other run gets what it writes.
    fn drop(&mut self) {
        let Some(lease) = self.recording.take_lease() else {
            return;
        };
        #[cfg(target_arch = "wasm32")]
        let lease = lease.left_to_the_browser();
        let mut memory = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        *memory = Some(lease);
    }
}
