//! Which variant runs, on which adapter.
//!
//! The choice depends on the adapter, the model and its weights' type, never on a batch, so that a text's
//! result does not depend on what it is batched with.

use crate::gpu::Capabilities;
use crate::kernel::Variant;

/// How variants are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// By the built-in table.
    #[default]
    Table,
    /// The first of these kernels that is among the candidates, else by the table: for tests and experiments.
    Kernels(Vec<String>),
}

impl Selection {
    /// The variant to run, and why.
    pub(crate) fn choose(&self, candidates: Vec<Variant>, capabilities: &Capabilities) -> Option<Variant> {
        let runnable = |variant: &Variant| capabilities.features.contains(variant.kernel.features);
        let mut candidates: Vec<Variant> = candidates.into_iter().filter(runnable).collect();
        if let Self::Kernels(names) = self
            && let Some(named) =
                names.iter().find_map(|name| candidates.iter().position(|variant| variant.kernel.name == name))
        {
            return Some(candidates.swap_remove(named));
        }
        // Stable: a kernel that the table does not name keeps its operation's order.
        candidates.sort_by_key(|variant| place(variant.kernel.name, capabilities));
        candidates.into_iter().next()
    }
}

/// A kernel's place in the table of its adapter's class; the lowest is taken.
fn place(kernel: &str, capabilities: &Capabilities) -> usize {
    let table = if capabilities.is_software() { SOFTWARE } else { HARDWARE };
    table.iter().position(|name| *name == kernel).unwrap_or(table.len())
}

/// On a CPU a load costs about as much as fifty multiply-adds and a barrier more than workgroup memory saves:
/// registers and shuffles win (docs/performance.md).
const SOFTWARE: &[&str] = &["linear_subgroup", "linear_tile", "linear", "attention_subgroup", "attention"];

/// On a GPU workgroup memory is what shares a load among lanes.
const HARDWARE: &[&str] = &["linear_tile", "linear", "attention"];
