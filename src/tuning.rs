//! Which variant runs, on which adapter.
//!
//! The choice depends on the adapter, the model and its weights' type, never on a batch, so that a text's
//! result does not depend on what it is batched with.

use crate::gpu::Capabilities;
use crate::kernel::{Storage, Variant};

/// How variants are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// By the built-in table.
    #[default]
    Table,
    /// By the names of kernels, for tests and experiments: a node takes the first of these that it offers, else what
    /// the table says.
    Kernels(Vec<&'static str>),
}

impl Selection {
    /// The variant to run, of those on `storage` that this device can run.
    pub(crate) fn choose(
        &self,
        candidates: Vec<Variant>,
        storage: Storage,
        capabilities: &Capabilities,
    ) -> Option<Variant> {
        let mut candidates: Vec<Variant> = candidates
            .into_iter()
            .filter(|variant| variant.kernel.storage() == storage)
            .filter(|variant| capabilities.obstacle(variant.kernel).is_none())
            .collect();
        // Stable: a kernel that nothing names keeps its operation's order.
        candidates.sort_by_key(|variant| self.place(variant.kernel.name));
        candidates.into_iter().next()
    }

    /// A kernel's place: the lowest is taken.
    fn place(&self, kernel: &str) -> (usize, usize) {
        let named: &[&str] = match self {
            Self::Table => &[],
            Self::Kernels(names) => names,
        };
        let place = |names: &[&str]| {
            names
                .iter()
                .position(|name| *name == kernel)
                .unwrap_or(names.len())
        };
        (place(named), place(BEST_FIRST))
    }
}

/// What an adapter's activations are best kept in.
///
/// Debian's lavapipe loads ten times faster from a texture than from a buffer (docs/performance.md), others about as
/// fast; but the kernels for that pass values between the lanes of a subgroup, whose size must be known.
pub(crate) fn preferred_storage(capabilities: &Capabilities) -> Storage {
    if capabilities.is_software() && capabilities.subgroup_size().is_some() {
        Storage::Textures
    } else {
        Storage::Buffers
    }
}

/// Where an operation has several kernels for one storage: the tile shares each load among the lanes of a workgroup.
const BEST_FIRST: &[&str] = &["linear_tile", "linear"];
