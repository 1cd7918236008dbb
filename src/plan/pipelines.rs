//! The pipelines of a plan.

use std::sync::Arc;
#[cfg(not(target_arch = "wasm32"))]
use std::thread::{Builder, ScopedJoinHandle};

use super::loading::Load;
use crate::error::Result;
use crate::gpu::{Gpu, Pipeline};
use crate::kernel::{Offer, Variant};

/// Compiles what is not compiled yet, each on a thread of its own: drivers take 5 to 1,000 ms for one.
/// A browser's device belongs to one thread.
///
/// Of each offer the variant for the fewest rows is finished by the driver too, where that waits for a first dispatch: a
/// single text should not wait for what only batches need.
///
/// The result has a pipeline for each variant of each offer.
pub(super) fn compile(gpu: &Gpu, offers: &[Offer], load: &Load) -> Result<Vec<Vec<Arc<Pipeline>>>> {
    let pipeline = |wanted: Wanted<'_>| {
        load.go_on()?;
        let Variant {
            kernel, constants, ..
        } = wanted.variant;
        let pipeline = gpu.pipeline(kernel, constants)?;
        if wanted.is_smallest {
            gpu.finish_pipeline(kernel, &pipeline)?;
        }
        Ok(pipeline)
    };
    // A GL context belongs to one thread at a time, and wgpu panics in those that wait for it too long.
    #[cfg(not(target_arch = "wasm32"))]
    if gpu.capabilities().info.backend != wgpu::Backend::Gl {
        in_parallel(&distinct(offers), |wanted| pipeline(wanted).map(drop))?;
    }
    let pipelines = |offer| wanted(offer).map(pipeline).collect();
    offers.iter().map(pipelines).collect()
}

#[derive(Clone, Copy)]
struct Wanted<'a> {
    variant: &'a Variant,
    /// Whether it is for the fewest rows of its offer.
    is_smallest: bool,
}

fn wanted(offer: &Offer) -> impl Iterator<Item = Wanted<'_>> {
    let variants = offer.variants().enumerate();
    variants.map(|(place, variant)| Wanted {
        variant,
        is_smallest: place == 0,
    })
}

/// Those that are to be finished first, so that this is started with.
#[cfg(not(target_arch = "wasm32"))]
fn distinct(offers: &[Offer]) -> Vec<Wanted<'_>> {
    let mut all: Vec<Wanted<'_>> = offers.iter().flat_map(wanted).collect();
    all.sort_by_key(|wanted| !wanted.is_smallest);
    let mut distinct: Vec<Wanted<'_>> = vec![];
    for wanted in all {
        let is_same = |other: &Wanted<'_>| is_same_pipeline(other.variant, wanted.variant);
        if !distinct.iter().any(is_same) {
            distinct.push(wanted);
        }
    }
    distinct
}

#[cfg(not(target_arch = "wasm32"))]
fn in_parallel<T: Copy + Send>(all: &[T], work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        // Where the system gives no thread, it is done when it is asked for.
        let start = |one: &T| {
            let (one, work) = (*one, &work);
            Builder::new().spawn_scoped(scope, move || work(one))
        };
        let threads: Vec<_> = all.iter().flat_map(start).collect();
        let join = |thread: ScopedJoinHandle<'_, Result<()>>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().try_for_each(join)
    })
}

#[cfg(not(target_arch = "wasm32"))]
fn is_same_pipeline(a: &Variant, b: &Variant) -> bool {
    a.kernel.name == b.kernel.name && a.constants == b.constants
}
