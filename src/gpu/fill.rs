//! Bytes on their way to the device, by copies from buffers that the host can write. wgpu's own `Queue::write_buffer` and
//! `write_texture` lose the device where there is no memory for that; these say so, and nothing is lost.

use super::Gpu;
use super::textures::{TEXEL_BYTES, extent};
use crate::error::Result;

/// A row of so many bytes as copies between buffers and textures want it.
pub(crate) fn in_copies(row: usize) -> usize {
    row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize)
}

/// Rows of so many bytes, each filled up to what copies want.
pub(crate) fn padded(row: usize, bytes: &[u8]) -> Vec<u8> {
    let rows = bytes.chunks_exact(row.max(1));
    let mut padded = vec![0; in_copies(row) * rows.len()];
    for (into, from) in padded.chunks_exact_mut(in_copies(row).max(1)).zip(rows) {
        into[..row].copy_from_slice(from);
    }
    padded
}

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
        let staging = self.upload_for_copies("staging", &padded(row, texels))?;
        let staging = self.in_turn(staging);
        self.copy(|encoder| {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(in_copies(row) as u32),
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
