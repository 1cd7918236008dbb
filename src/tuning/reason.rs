//! Why a node runs on what it runs.

use std::fmt;

use crate::gpu::Capabilities;
use crate::kernel::{Offer, Storage, Variant};

/// Why a node's kernel was taken, and not another of its operation's.
///
/// ```
/// # use std::{collections::HashMap, sync::Arc};
/// # use wgformer::{Gpu, Graph, plan::{Plan, PlanOptions}, tensor::{Dim, Sizes, Tensor}};
/// # let mut graph = Graph::new();
/// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(8)]);
/// # graph.softmax(x)?;
/// # let options = PlanOptions::new(Sizes::from_segments(&[0, 4]));
/// # let weights = Arc::new(HashMap::<String, Tensor>::new());
/// use wgformer::tuning::ChosenBy;
///
/// let plan = Plan::compile(&Gpu::new()?, &graph, weights, &options)?;
/// for (variant, reason) in plan.variants(plan.capacity()).zip(plan.reasons()) {
///     println!("{variant}: {reason}"); // such as `softmax_vec4: built in, before softmax`
///     assert_eq!(reason.chosen_by, ChosenBy::BuiltIn);
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// Who chose.
    pub chosen_by: ChosenBy,
    /// What would run here too, by the names of kernels, the built-in choice's best first.
    pub others: Vec<&'static str>,
    /// What would not, and what is in its way.
    pub obstacles: Vec<(&'static str, String)>,
}

/// Who chose a node's kernel.
///
/// See [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChosenBy {
    /// The operation, which offers its best first, by what is known of the adapter.
    BuiltIn,
    /// The operation, since what was measured was chosen from other kernels or tiles than it offers now.
    OutdatedMeasurements,
    /// What was measured on this adapter ([`super::Selection::measured`]).
    Measurements,
    /// The caller, by name ([`super::Selection::named`]).
    Name,
}

impl Reason {
    /// Of all that an operation offers, some of which `runs` here, why it is `taken`.
    pub(super) fn of(
        chosen_by: ChosenBy,
        taken: &Offer,
        runs: &[Offer],
        all: &[Offer],
        storage: Storage,
        capabilities: &Capabilities,
    ) -> Self {
        let is_taken = |name: &&str| taken.variants().any(|it| it.kernel.name == *name);
        let mut others: Vec<_> = kernels(runs).map(|it| it.kernel.name).collect();
        others.dedup();
        others.retain(|name| !is_taken(name));
        let mut obstacles: Vec<_> = kernels(all)
            .filter_map(|it| Some((it.kernel.name, obstacle(it, storage, capabilities)?)))
            .collect();
        obstacles.dedup();
        Self {
            chosen_by,
            others,
            obstacles,
        }
    }
}

fn kernels(offers: &[Offer]) -> impl Iterator<Item = &Variant> {
    offers.iter().flat_map(Offer::variants)
}

/// What keeps a variant from running here, where activations are on `storage`.
pub(super) fn obstacle(
    variant: &Variant,
    storage: Storage,
    capabilities: &Capabilities,
) -> Option<String> {
    if variant.kernel.storage() == storage {
        return capabilities.obstacle(variant.kernel);
    }
    Some(match storage {
        Storage::Buffers => "activations are in buffers".to_owned(),
        Storage::Textures => "activations are in textures".to_owned(),
    })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.chosen_by {
            ChosenBy::BuiltIn => "built in",
            ChosenBy::OutdatedMeasurements => "built in, though another choice was measured",
            ChosenBy::Measurements => "measured",
            ChosenBy::Name => "named",
        })?;
        if !self.others.is_empty() {
            write!(f, ", before {}", self.others.join(" and "))?;
        }
        for alike in self.obstacles.chunk_by(|(_, a), (_, b)| a == b) {
            let kernels: Vec<_> = alike.iter().map(|(kernel, _)| *kernel).collect();
            write!(f, "; not {}: {}", kernels.join(" or "), alike[0].1)?;
        }
        Ok(())
    }
}
