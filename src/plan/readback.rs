//! A result on its way to the host.

use super::texels::Texels;
use crate::gpu::{Resource, TEXEL_BYTES, extent};
use crate::graph::{Graph, TensorId};
use crate::kernel::Storage;
use crate::tensor::Sizes;

/// How a node's result lies in its slot for the sizes of a run.
pub(super) struct Readback {
    storage: Storage,
    texels: Texels,
}

impl Readback {
    pub(super) fn of(graph: &Graph, result: TensorId, storage: Storage, sizes: &Sizes) -> Self {
        let texels = Texels::of(&graph.tensor(result).shape, sizes);
        Self { storage, texels }
    }

    /// The elements of the result.
    pub(super) fn elements(&self) -> usize {
        self.texels.rows * self.texels.width()
    }

    /// The bytes that are copied: rows of a texture are padded to what copies want.
    pub(super) fn bytes(&self) -> u64 {
        match self.storage {
            Storage::Buffers => 4 * self.elements() as u64,
            Storage::Textures => (self.texels.rows * self.texels.copied_row()) as u64,
        }
    }

    /// Copies the result to `staging`.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        slot: &Resource,
        staging: &wgpu::Buffer,
    ) {
        match slot {
            Resource::Buffer(buffer) => {
                encoder.copy_buffer_to_buffer(buffer, 0, staging, 0, self.bytes())
            }
            Resource::Texture(..) if self.texels.rows == 0 => {} // a copy of nothing is an error for a texture
            Resource::Texture(texture, _) => {
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(self.texels.copied_row() as u32),
                    rows_per_image: None,
                };
                let into = wgpu::TexelCopyBufferInfo {
                    buffer: staging,
                    layout,
                };
                let width = 4 * self.texels.width() / TEXEL_BYTES as usize;
                encoder.copy_texture_to_buffer(
                    texture.as_image_copy(),
                    into,
                    extent(width, self.texels.rows),
                );
            }
        }
    }

    /// What was copied, without padding, in the order of the slot.
    pub(super) fn values(&self, bytes: &[u8]) -> Vec<f32> {
        match self.storage {
            Storage::Buffers => bytemuck::pod_collect_to_vec(bytes),
            Storage::Textures => {
                let mut values = vec![0.0; self.elements()];
                let rows = values.chunks_exact_mut(self.texels.width().max(1));
                let copied = bytes.chunks_exact(self.texels.copied_row().max(1));
                for (row, copied) in rows.zip(copied) {
                    let row: &mut [u8] = bytemuck::cast_slice_mut(row);
                    row.copy_from_slice(&copied[..row.len()]);
                }
                values
            }
        }
    }

    /// From the order of the slot to the tensor's own.
    pub(super) fn to_tensor(&self, values: Vec<f32>) -> Vec<f32> {
        match self.storage {
            Storage::Buffers => values,
            Storage::Textures => self.texels.to_tensor(values),
        }
    }
}
