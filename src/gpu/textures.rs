use super::Gpu;
use crate::error::{Error, Result};

/// A texel is four elements of four bytes.
pub(crate) const TEXEL_BYTES: u32 = 16;

impl Gpu {
    /// A 2-D texture of `format`, checked against the device's limits; a side that is a power of two gets a texel more.
    ///
    /// lavapipe compiles a shader once more for each side of each texture that is a power of two: without any, what is
    /// compiled before the weights are there ([`Gpu::pipeline`]), or was for another model, is what runs.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond the largest width or height, [`Error::OutOfMemory`] if the driver has no memory left.
    pub(crate) fn create_texture(
        &self,
        label: &str,
        [width, height]: [usize; 2],
        format: wgpu::TextureFormat,
        usage: wgpu::TextureUsages,
    ) -> Result<wgpu::Texture> {
        let allowed = self.capabilities().limits.max_texture_dimension_2d;
        let [width, height] = [width, height].map(|extent| extent.max(1));
        let largest = width.max(height) as u64;
        if largest > u64::from(allowed) {
            return Err(Error::Limit {
                thing: label.to_owned(),
                needed: largest,
                allowed: allowed.into(),
                unit: "texels along one side of a texture",
                advice: "use a smaller token budget, or an adapter with a larger limit",
            });
        }
        let [width, height] = padded([width, height], &self.capabilities().limits);
        let descriptor = wgpu::TextureDescriptor {
            label: Some(label),
            size: extent(width, height),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage,
            view_formats: &[],
        };
        self.checked(
            &format!("allocating a texture of {width} x {height} for {label}"),
            || self.device().create_texture(&descriptor),
        )
    }
}

/// The bytes of a texture of so many texels: [`Gpu::create_texture`].
pub(crate) fn texture_bytes(extent: [usize; 2], limits: &wgpu::Limits) -> u64 {
    let [width, height] = padded(extent, limits);
    u64::from(TEXEL_BYTES) * width as u64 * height as u64
}

fn padded(extent: [usize; 2], limits: &wgpu::Limits) -> [usize; 2] {
    let largest = limits.max_texture_dimension_2d as usize;
    extent.map(|side| not_a_power_of_two(side.max(1)).min(largest))
}

fn not_a_power_of_two(mut side: usize) -> usize {
    while side.is_power_of_two() {
        side += 1;
    }
    side
}

pub(crate) fn extent(width: usize, height: usize) -> wgpu::Extent3d {
    wgpu::Extent3d {
        width: width as u32,
        height: height as u32,
        depth_or_array_layers: 1,
    }
}
