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
/// The result has a pipeline for each variant of each offer.
pub(super) fn compile(gpu: &Gpu, offers: &[Offer], load: &Load) -> Result<Vec<Vec<Arc<Pipeline>>>> {
    // A GL context belongs to one thread at a time, and wgpu panics in those that wait for it too long.
    #[cfg(not(target_arch = "wasm32"))]
    if gpu.capabilities().info.backend != wgpu::Backend::Gl {
        compile_in_parallel(gpu, load, offers.iter().flat_map(Offer::variants))?;
    }
    let pipeline = |variant: &Variant| {
        load.go_on()?;
        gpu.pipeline(variant.kernel, &variant.constants)
    };
    let pipelines = |offer: &Offer| offer.variants().map(pipeline).collect();
    offers.iter().map(pipelines).collect()
}

#[cfg(not(target_arch = "wasm32"))]
fn compile_in_parallel<'a>(
    gpu: &Gpu,
    load: &Load,
    variants: impl Iterator<Item = &'a Variant>,
) -> Result<()> {
    let mut distinct: Vec<&Variant> = Vec::new();
    for variant in variants {
        if !distinct
            .iter()
            .any(|other| is_same_pipeline(other, variant))
        {
            distinct.push(variant);
        }
    }
    std::thread::scope(|scope| {
        let compile = |variant: &Variant| {
            load.go_on()?;
            gpu.pipeline(variant.kernel, &variant.constants).map(drop)
        };
        // Where the system gives no thread, it is compiled when it is asked for.
        let start = |variant| Builder::new().spawn_scoped(scope, move || compile(variant));
        let threads: Vec<_> = distinct.into_iter().flat_map(start).collect();
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
