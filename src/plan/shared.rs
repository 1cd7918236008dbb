use std::collections::HashSet;
use std::sync::Arc;

use super::parameters::{Parameters, Uploaded};
use super::pool::Room;
use crate::gpu::Gpu;

/// What several plans on one device share: parameters of the same names, which are there once, and the room for what
/// runs take.
pub(crate) struct Shared {
    gpu: Gpu,
    pub(super) uploaded: Uploaded,
    pub(super) room: Arc<Room>,
}

impl Shared {
    pub(crate) fn new(gpu: &Gpu) -> Self {
        Self {
            gpu: gpu.clone(),
            uploaded: Uploaded::new(),
            room: Room::new(u64::MAX),
        }
    }

    /// The same parameters, for plans with room of their own.
    pub(crate) fn apart(&self) -> Self {
        let mut apart = Self::new(&self.gpu);
        apart.uploaded = self.uploaded.clone();
        apart
    }

    /// Lets go of all parameters but those whose tensors have such names.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        let _turn = self.gpu.turn();
        self.uploaded.retain(|it, _| it.names().all(&is_kept));
    }

    /// The bytes that the parameters take on the device.
    pub(crate) fn bytes(&self, limits: &wgpu::Limits) -> u64 {
        self.bytes_beside(&HashSet::new(), limits)
    }

    /// Without those that a plan needs.
    pub(super) fn bytes_beside(&self, needed: &HashSet<Parameters>, limits: &wgpu::Limits) -> u64 {
        let others = self.uploaded.keys().filter(|it| !needed.contains(it));
        others.map(|it| it.bytes(limits)).sum()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _turn = self.gpu.turn();
        self.uploaded.clear();
    }
}
