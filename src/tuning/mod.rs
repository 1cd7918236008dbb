//! Which variant runs, on which adapter.
//!
//! The choice depends on the adapter, the model and its weights' type, never on a batch, so that a text's
//! result does not depend on what it is batched with; only among the variants of one [`Offer`], which give the same
//! bits, a run takes the one for its size.

mod vendor;

use crate::gpu::Capabilities;
use crate::kernel::{Offer, Storage, Variant};

pub use vendor::Vendor;
pub(crate) use vendor::{Staging, staging};

/// How variants are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// By the built-in table.
    #[default]
    Table,
    /// By the names of kernels, for tests and experiments: a node takes the first of these that it is offered, for any
    /// number of rows, else what the table says.
    Kernels(Vec<&'static str>),
}

impl Selection {
    /// What is to run, of the offers on `storage` that this device can run.
    pub(crate) fn choose(
        &self,
        offers: Vec<Offer>,
        storage: Storage,
        capabilities: &Capabilities,
    ) -> Option<Offer> {
        let runs_here = |variant: &Variant| {
            variant.kernel.storage() == storage && capabilities.obstacle(variant.kernel).is_none()
        };
        let offers: Vec<Offer> = offers
            .iter()
            .filter_map(|offer| offer.filtered(runs_here))
            .collect();
        let named = |name: &&str| {
            let of_this_kernel = |offer: &Offer| offer.filtered(|it| it.kernel.name == *name);
            offers.iter().find_map(of_this_kernel)
        };
        let names: &[&str] = match self {
            Self::Table => &[],
            Self::Kernels(names) => names,
        };
        names
            .iter()
            .find_map(named)
            .or_else(|| offers.first().cloned())
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
