//! Every kernel against `reference/`, from the case table, on the adapter that the environment selects.
#![expect(clippy::print_stdout, reason = "a test's report")]

mod common;

use std::collections::BTreeMap;

use wgformer::Gpu;
use wgformer::kernel::Storage;
use wgformer::verify::{self, Candidate, Recipe, Values, cases};

/// Runs the cases on every kernel that the device can run.
fn check(gpu: &Gpu, cases: &[Recipe]) {
    check_where(gpu, cases, |_| true);
}

/// Runs the cases on those that `keep` says.
fn check_where(gpu: &Gpu, cases: &[Recipe], keep: impl Fn(&Candidate) -> bool) {
    let (mut failures, mut ran) = (Vec::new(), false);
    let mut worst = BTreeMap::new();
    for recipe in cases {
        let case = recipe().unwrap();
        let outcomes = verify::check_where(gpu, &case, &keep).unwrap();
        ran |= !outcomes.is_empty();
        for outcome in outcomes {
            let worst = worst.entry(outcome.kernel).or_insert(0.0_f64);
            *worst = worst.max(outcome.share());
            failures.extend(outcome.failure.is_some().then(|| outcome.to_string()));
        }
    }
    assert!(ran, "nothing ran");
    println!("largest errors, as shares of the tolerance: {worst:#?}");
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{count} failures:\n{}",
        failures.join("\n")
    );
}

#[test]
fn every_kernel_agrees_with_the_reference() {
    let (gpu, _turn) = common::gpu();
    check(&gpu, &cases::all());
}

/// At another subgroup size only these are other kernels: the others know nothing of it.
#[test]
#[ignore = "scripts/test-adapters.sh runs it at lavapipe's other subgroup sizes"]
fn kernels_of_a_subgroup_size_agree_with_the_reference() {
    let (gpu, _turn) = common::gpu();
    check_where(&gpu, &cases::all(), |candidate| {
        let kernel = candidate.variant().kernel;
        kernel.needs_one_subgroup_size() || kernel.storage() == Storage::Textures
    });
}

/// A device that its owner made with as little as wgpu makes for compute: no feature, four storage buffers.
#[test]
fn no_feature_and_the_lowest_limits_suffice() {
    let (gpu, _turn) = common::gpu();
    let gpu = common::plain(&gpu);
    let capabilities = gpu.capabilities();
    assert_eq!(capabilities.features, wgpu::Features::empty());
    assert_eq!(capabilities.limits.max_storage_buffers_per_shader_stage, 4);
    check(&gpu, &cases::quick());
    // Heads of each shape of tiles; the largest nearly fills the workgroup memory.
    let largest = [96, 128, 256].map(|head_dim| {
        let case = move || cases::attention(&[1, 19, 0, 70], 2, head_dim, 1.0, Values::Unit);
        Box::new(case) as Recipe
    });
    check(&gpu, &largest);
}

/// Every kernel on a grid of several rows: the device allows no more than 32 workgroups in one dimension.
#[test]
fn folded_grids_cover_every_workgroup() {
    let (gpu, _turn) = common::gpu();
    let limits = wgpu::Limits {
        max_compute_workgroups_per_dimension: 32,
        ..gpu.capabilities().limits.clone()
    };
    let gpu = common::device(&gpu, gpu.capabilities().features, limits);
    check(&gpu, &cases::folded());
}
