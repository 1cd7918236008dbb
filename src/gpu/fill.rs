//! Bytes on their way to the device, by copies from buffers that the host can write. wgpu's own `Queue::write_buffer` and
//! `write_texture` lose the device where there is no memory for that; these say so, and nothing is lost.

use super::textures::{TEXEL_BYTES, extent};
use super::{Gpu, buffers::in_copies};
use crate::error::Result;

impl Gpu {
    /// Fills a buffer with `bytes` from `offset` on.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub(crate) fn fill_buffer(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: &[u8],
    ) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let staging = self.in_turn(self.upload_for_copies("staging", bytes)?);
        self.copy(|encoder| {
            let size = (bytes.len() as u64).next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
            encoder.copy_buffer_to_buffer(&staging, 0, buffer, offset, size);
        })
    }

    /// Fills rows of a texture from the one at `first` on; `texels`: `[rows, width]`, 16 bytes each.
    ///
    /// # Errors
    /// As [`Gpu::fill_buffer`].
    pub(crate) fn fill_rows(
        &self,
        texture: &wgpu::Texture,
        first: usize,
        width: usize,
        texels: &[u8],
    ) -> Result<()> {
        let row = width * TEXEL_BYTES as usize;
        let rows = texels.len() / row.max(1);
        if rows == 0 {
            return Ok(());
        }
        let padded = in_copies(row);
        let mut bytes = vec![0; padded * rows];
        for (into, row_of_texels) in bytes.chunks_exact_mut(padded).zip(texels.chunks_exact(row)) {
            into[..row].copy_from_slice(row_of_texels);
        }
        let staging = self.in_turn(self.upload_for_copies("staging", &bytes)?);
        self.copy(|encoder| {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(padded as u32),
                rows_per_image: None,
            };
            let from = wgpu::TexelCopyBufferInfo {
                buffer: &staging,
                layout,
            };
            let mut into = texture.as_image_copy();
            into.origin.y = first as u32;
            encoder.copy_buffer_to_texture(from, into, extent(width, rows));
        })
    }

    fn copy(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        self.checked("copying to the device", || {
            let mut encoder = self.device().create_command_encoder(&Default::default());
            record(&mut encoder);
            self.queue().submit([encoder.finish()]);
        })
    }
}
