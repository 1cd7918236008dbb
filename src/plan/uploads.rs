//! What a run brings to the device: its inputs and every step's `Params`, copied by the commands of the run itself, so
//! that runs in one submit do not overwrite each other.

use std::borrow::Cow;

use super::activations::Activations;
use super::recording::Launch;
use super::storage::bound_inputs;
use super::texels::Texels;
use super::{Plan, Value};
use crate::error::Result;
use crate::gpu::{Resource, TEXEL_BYTES, extent, padded};
use crate::kernel::Storage;
use crate::tensor::Sizes;

/// One buffer that holds it all, and where each part goes.
pub(super) struct Uploads {
    staging: wgpu::Buffer,
    /// One per input of the graph and tensor of rows that kernels bind, in order, then what else is brought, then the `Params`.
    parts: Vec<Part>,
}

struct Part {
    /// In the staging buffer, in bytes.
    offset: u64,
    size: u64,
    /// Of a texture: texels in a row, and rows.
    extent: [usize; 2],
}

/// What copies to a texture want of an offset, and bindings of `Params` of nothing.
const ALIGNMENT: usize = TEXEL_BYTES as usize;

impl Uploads {
    pub(super) fn new(
        plan: &Plan,
        activations: &Activations,
        sizes: &Sizes,
        values: &[Value<'_>],
        launches: &[Launch],
    ) -> Result<Self> {
        let (mut bytes, mut parts) = (Vec::new(), Vec::new());
        let mut add = |part: &[u8], extent| {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            let (offset, size) = (bytes.len() as u64, part.len() as u64);
            parts.push(Part {
                offset,
                size,
                extent,
            });
            bytes.extend_from_slice(part);
        };
        for (input, kept) in bound_inputs(&plan.graph, &plan.storage) {
            let rows = plan.rows.get(&input).map(|rows| rows.gather(values));
            let value = match &rows {
                Some(rows) => Value::F32(rows),
                None => values[plan.place_of(input)],
            };
            let texels = Texels::of(&plan.graph.tensor(input).shape, sizes);
            let lines = match (kept, value) {
                (Storage::Textures, Value::F32(values)) => Cow::Owned(padded(
                    4 * texels.width(),
                    bytemuck::cast_slice(&texels.to_texture(values)),
                )),
                _ => Cow::Borrowed(value.bytes()),
            };
            let width = 4 * texels.width() / TEXEL_BYTES as usize;
            add(&lines, [width, texels.rows]);
        }
        for brought in plan.brought() {
            let words = brought.words(plan.weights.as_deref(), sizes.tokens, values)?;
            add(bytemuck::cast_slice(&words), [0, 0]);
        }
        add(&params(activations, launches), [0, 0]);
        let staging = plan.gpu.upload_for_copies("inputs", &bytes)?;
        Ok(Self { staging, parts })
    }

    /// Records the copies of the `Params` alone.
    pub(super) fn record_params(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        activations: &Activations,
    ) {
        if let Some(Part { offset, size, .. }) = self.parts.last().filter(|part| part.size > 0) {
            encoder.copy_buffer_to_buffer(&self.staging, *offset, &activations.params, 0, *size);
        }
    }

    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, activations: &Activations) {
        let others = activations.brought.iter().chain([&activations.params]);
        let others: Vec<_> = others.cloned().map(Resource::Buffer).collect();
        let resources = activations.inputs.iter().chain(&others);
        for (part, resource) in self.parts.iter().zip(resources) {
            match resource {
                _ if part.size == 0 => {} // a copy of nothing is an error for a texture
                Resource::Buffer(buffer) => {
                    let (from, size) = (part.offset, part.size);
                    encoder.copy_buffer_to_buffer(&self.staging, from, buffer, 0, size);
                }
                Resource::Texture(texture, _) => {
                    let [width, rows] = part.extent;
                    let layout = wgpu::TexelCopyBufferLayout {
                        offset: part.offset,
                        bytes_per_row: Some((part.size / rows as u64) as u32),
                        rows_per_image: None,
                    };
                    let from = wgpu::TexelCopyBufferInfo {
                        buffer: &self.staging,
                        layout,
                    };
                    let into = texture.as_image_copy();
                    encoder.copy_buffer_to_texture(from, into, extent(width, rows));
                }
            }
        }
    }
}

fn params(activations: &Activations, launches: &[Launch]) -> Vec<u8> {
    let stride = activations.params_stride as usize;
    let mut params = vec![0; stride * launches.len()];
    for (chunk, launch) in params.chunks_exact_mut(stride).zip(launches) {
        let bytes = &launch.dispatch.params;
        chunk[..bytes.len()].copy_from_slice(bytes);
    }
    params
}
