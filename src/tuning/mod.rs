//! Which variant runs, on which adapter.
//!
//! The choice depends on the adapter, the model and its weights' type, never on a batch, so that a text's
//! result does not depend on what it is batched with; only among the variants of one [`Offer`], which give the same
//! bits, a run takes the one for its size.

mod adapter_class;
mod measurements;
mod reason;

use std::sync::Arc;

pub use adapter_class::AdapterClass;
use measurements::Outdated;
pub(crate) use measurements::class;
pub use measurements::{Bound, Measurements, WGPU};
use reason::obstacle;
pub use reason::{ChosenBy, Reason};

use crate::gpu::Capabilities;
use crate::kernel::{Offer, Storage, Variant};

/// How variants are chosen: by name where one is named, else by what was measured on this adapter, else the first that an
/// operation offers: its best, by what is known of the adapter without measuring.
///
/// ```
/// use wgformer::models::ModelOptions;
/// use wgformer::tuning::Selection;
///
/// # let gpu = wgformer::Gpu::new()?;
/// let measurements = wgformer::tuning::Measurements::new(gpu.capabilities()); // see `verify::tune`
/// let tiles = Selection::default().measured(measurements).named(["linear_tile 64x64"]);
/// let options = ModelOptions::default().selection(tiles);
/// # let _ = options;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    names: Vec<String>,
    measurements: Option<Arc<Measurements>>,
}

impl Selection {
    /// The names of kernels or of their tiles, such as `linear_tile` or `linear_tile 64x64`, for tests and experiments: a
    /// node takes the first of these that it is offered, for any number of rows. What none of them runs is chosen as
    /// without them.
    #[must_use]
    pub fn named(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { names, ..self }
    }

    /// What was measured on this adapter, such as by [`verify::tune`](crate::verify::tune()).
    #[must_use]
    pub fn measured(self, measurements: impl Into<Arc<Measurements>>) -> Self {
        let measurements = Some(measurements.into());
        Self {
            measurements,
            ..self
        }
    }

    /// Whether somebody wants kernels of his own choice.
    pub(crate) fn names_variants(&self) -> bool {
        !self.names.is_empty()
    }

    /// What is to run a node of this [`class`], of the offers on `storage` that this device can run, and why.
    pub(crate) fn choose(
        &self,
        class: &str,
        offers: &[Offer],
        storage: Storage,
        capabilities: &Capabilities,
    ) -> Option<(Offer, Reason)> {
        let runs = that_run(offers, storage, capabilities);
        let named = self.names.iter().find_map(|name| {
            let is_it = |it: &Variant| it.is_called(name);
            runs.iter().find_map(|offer| offer.filtered(is_it))
        });
        let (taken, by) = match (named, self.measurement(class, &runs)) {
            (Some(named), _) => (named, ChosenBy::Name),
            (None, Some(Ok(measured))) => (measured, ChosenBy::Measurements),
            (None, Some(Err(Outdated))) => (runs.first()?.clone(), ChosenBy::OutdatedMeasurements),
            (None, None) => (runs.first()?.clone(), ChosenBy::BuiltIn),
        };
        let reason = Reason::of(by, &taken, &runs, offers, storage, capabilities);
        Some((taken, reason))
    }

    fn measurement(&self, class: &str, runs: &[Offer]) -> Option<Result<Offer, Outdated>> {
        let measurements = self.measurements.as_ref().filter(|_| ways(runs) > 1)?;
        measurements.choose(class, runs)
    }
}

/// How many ways there are to run a node. Where it is one, nothing is measured: attention with a window has the class of
/// that without, but not all of its kernels.
pub(crate) fn ways(offers: &[Offer]) -> usize {
    offers.iter().map(|offer| offer.variants().len()).sum()
}

/// Of some offers, what is on `storage` and this device can run.
pub(crate) fn that_run(
    offers: &[Offer],
    storage: Storage,
    capabilities: &Capabilities,
) -> Vec<Offer> {
    let runs_here = |variant: &Variant| obstacle(variant, storage, capabilities).is_none();
    let runs_here = |offer: &Offer| offer.filtered(runs_here);
    offers.iter().filter_map(runs_here).collect()
}

/// What an adapter's activations are best kept in.
///
/// Debian's lavapipe loads ten times faster from a texture than from a buffer (docs/performance.md), others about as
/// fast; but the kernels for that pass values between the lanes of a subgroup, whose size must be known.
///
/// ```
/// let gpu = wgformer::Gpu::new()?;
/// println!("{:?}", wgformer::tuning::preferred_storage(gpu.capabilities()));
/// # Ok::<(), wgformer::Error>(())
/// ```
#[must_use]
pub fn preferred_storage(capabilities: &Capabilities) -> Storage {
    if capabilities.is_software() && capabilities.subgroup_size().is_some() {
        Storage::Textures
    } else {
        Storage::Buffers
    }
}
